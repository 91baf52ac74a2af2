/**
 * The service's token. This browser remembers it, apart from the tokens of other services on the same host. Where storage
 * is forbidden, it lasts as long as the page.
 */
import { ROOT } from "./address.js";

const KEY = `training-token ${ROOT.pathname}`;
let inMemory = null;

export function readToken() {
  try {
    return localStorage.getItem(KEY) ?? inMemory;
  } catch {
    return inMemory;
  }
}

/** Call `forgotten` when another tab forgets the token. */
export function watchToken(forgotten) {
  addEventListener("storage", ({ key, newValue }) => {
    if ((key === KEY || key === null) && newValue === null) forgotten();
  });
}

/** Remember a token, or with null forget it. */
export function saveToken(token) {
  inMemory = token;
  try {
    if (token === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, token);
  } catch {
    // The copy in memory has to do.
  }
}
