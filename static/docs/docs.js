/** Show our OpenAPI document. "Try it out" sends the token that the page remembers. */
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
      // Storage is forbidden.
    }
    if (token !== null) request.headers.Authorization ??= `Bearer ${token}`;
    return request;
  },
});
