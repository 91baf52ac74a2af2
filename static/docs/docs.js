/** Show our OpenAPI document. With a token set, "Try it out" sends the one that the page keeps. */
window.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  requestInterceptor(request) {
    let token = null;
    try {
      token = localStorage.getItem(`training-token ${new URL(".", document.baseURI).pathname}`);
    } catch {
      // Storage is forbidden here.
    }
    if (token !== null) request.headers.Authorization ??= `Bearer ${token}`;
    return request;
  },
});
