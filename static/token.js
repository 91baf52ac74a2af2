/** The service's token, kept in this browser, apart from that of another service on the same host. Where storage is forbidden it lasts as long as the page. */
import { ROOT } from "./address.js";

const KEY = `training-token ${ROOT.pathname}`;
let kept = null;

export function readToken() {
  try {
    return localStorage.getItem(KEY) ?? kept;
  } catch {
    return kept;
  }
}

export function keepToken(token) {
  kept = token;
  try {
    if (token === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, token);
  } catch {
    // Kept in memory.
  }
}
