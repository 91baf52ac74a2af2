/** REST: JSON in, JSON out, with the token. */

/** An answer that is an error; `problem` has the service's shape: {code, status, message, errors}. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** Whether nothing was heard of the service itself: it does not answer, or a proxy says so. */
export const isAway = ({ code }) => [0, 502, 503, 504].includes(code);

/** `ask(wasWrong)` asks the person for the token, keeps it and resolves. It is asked once for all requests under way. */
export function createApi({ readToken, ask }) {
  let asking = null;

  async function send(method, path, body) {
    for (;;) {
      const token = readToken();
      const response = await fetched(method, path, body, token);
      if (response.status !== 401) return response;
      if (readToken() === token) {
        asking ??= ask(token !== null).finally(() => (asking = null));
        await asking;
      }
    }
  }

  async function call(method, path, body) {
    const response = await send(method, path, body);
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw new Refused(answer ?? nothingReadable(response));
    return answer;
  }

  return {
    get: (path) => call("GET", path),
    /** A piece of a list: {items, total}. */
    async list(path) {
      const response = await send("GET", path);
      const items = await response.json().catch(() => null);
      if (!response.ok || items === null) throw new Refused(items ?? nothingReadable(response));
      return { items, total: Number(response.headers.get("X-Total-Count")) };
    },
    /** A picture as an address that an image can have; null when there is none. A plain address could not send the token. */
    async image(path) {
      const response = await send("GET", path);
      return response.ok ? addressOf(new Blob([await response.arrayBuffer()], { type: "image/png" })) : null;
    },
    post: (path, body) => call("POST", path, body),
    delete: (path) => call("DELETE", path),
    /** Save a file under its own name. A plain link could not send the token. */
    async download(path) {
      const response = await send("GET", path);
      if (!response.ok) throw new Refused((await response.json().catch(() => null)) ?? nothingReadable(response));
      offer(await response.blob(), nameOf(response));
    },
  };
}

async function fetched(method, path, body, token) {
  const headers = { Accept: "application/json" };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Refused({
      code: 0,
      message: "The service does not answer. Nothing was changed by this page.",
      errors: {},
    });
  }
}

function addressOf(blob) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(blob);
  });
}

function nothingReadable(response) {
  return {
    code: response.status,
    message: `The service answered ${response.status} ${response.statusText}.`,
    errors: {},
  };
}

function nameOf(response) {
  const disposition = response.headers.get("Content-Disposition") ?? "";
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
  return encoded ? decodeURIComponent(encoded) : (/filename="?([^";]+)"?/.exec(disposition)?.[1] ?? "download");
}

/** Let a person save a file that was made here. */
export function offer(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
