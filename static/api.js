/** REST: JSON or a form in, JSON out, with the token. */
import { saveFile } from "./download.js";

/** An error that the service answered; `problem` has its shape: {code, status, message, errors}. */
export class Refused extends Error {
  constructor(problem, options) {
    super(problem.message, options);
    this.problem = problem;
  }
}

const NO_ANSWER = { code: 0, message: "The service does not answer. Try again when it is back.", errors: {} };

const BROKEN_OFF = { code: 0, message: "The download was interrupted. Try again.", errors: {} };

/** Whether the service itself did not answer: nothing came, or a proxy said so. */
export const isUnreachable = ({ code }) => [0, 502, 503, 504].includes(code);

export const pathOfRunInRest = (runId) => `training/runs/${encodeURIComponent(runId)}`;
export const pathOfConfig = (name) => `training/configs/${encodeURIComponent(name)}`;

/** `ask(wasWrong)` asks the person for the token, saves it and resolves. One question serves all requests under way. */
export function createApi({ readToken, ask }) {
  let asking = null;

  async function send(method, path, body) {
    for (;;) {
      const token = readToken();
      const response = await fetched(method, path, body, token);
      if (response.status !== 401) return response;
      if (readToken() === token) {
        asking ??= ask(token !== null).finally(() => {
          asking = null;
        });
        await asking;
      }
    }
  }

  async function call(method, path, body) {
    return read(await send(method, path, body));
  }

  return {
    get: (path) => call("GET", path),
    /** One page of a list: {items, total}. */
    async list(path) {
      const response = await send("GET", path);
      const items = await read(response);
      return { items, total: Number(response.headers.get("X-Total-Count")) };
    },
    /** An image as a data URL, because a plain one could not send the token; null if there is none. */
    async image(path) {
      const response = await send("GET", path);
      return response.ok ? dataUrlOf(new Blob([await response.arrayBuffer()], { type: "image/png" })) : null;
    },
    post: (path, body) => call("POST", path, body),
    patch: (path, body) => call("PATCH", path, body),
    delete: (path) => call("DELETE", path),
    /** Throw Refused unless the service sends a file. */
    async check(path) {
      const response = await send("GET", path);
      if (!response.ok) await read(response);
      await response.body.cancel();
    },
    /** Save a file under its own name. A plain link could not send the token. */
    async download(path) {
      const response = await send("GET", path);
      if (!response.ok) await read(response);
      const content = await response.blob().catch(() => Promise.reject(new Refused(BROKEN_OFF)));
      saveFile(content, nameOf(response));
    },
  };
}

async function fetched(method, path, body, token) {
  const headers = { Accept: "application/json" };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  const isForm = body instanceof FormData; // The browser sets its type, with the boundary.
  if (body !== undefined && !isForm) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, { method, headers, body: isForm ? body : body && JSON.stringify(body) });
  } catch {
    throw new Refused(NO_ANSWER);
  }
}

/** The JSON of an answer. Throw Refused for an error, and for an answer that broke off or is no JSON. */
async function read(response) {
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  throw new Refused(answer ?? problemOf(response));
}

function dataUrlOf(blob) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(blob);
  });
}

/** The problem of an answer without JSON: a proxy's, or one that broke off. */
function problemOf({ ok, status, statusText }) {
  if (ok) return NO_ANSWER;
  return { code: status, message: `The service answered ${`${status} ${statusText}`.trim()}.`, errors: {} };
}

function nameOf(response) {
  const disposition = response.headers.get("Content-Disposition") ?? "";
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
  return encoded ? decodeURIComponent(encoded) : (/filename="?([^";]+)"?/.exec(disposition)?.[1] ?? "download");
}
