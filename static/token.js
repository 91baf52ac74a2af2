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

export function saveToken(token) {
  inMemory = token;
  try {
    if (token === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, token);
  } catch {
    // The copy in memory has to do.
  }
}
