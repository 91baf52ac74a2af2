/** The person's token: enter it, learn what it allows, and forget it. */
import { byId } from "./dom.js";
import { readToken, saveToken, watchToken } from "./token.js";
import { askToken } from "./views/dialogs.js";

/** Ask the person for the token, and remember it. */
export async function enterToken(wasWrong) {
  saveToken(await askToken(wasWrong));
  offerToForget();
}

function offerToForget() {
  byId("forget-token").hidden = readToken() === null;
}

/** Take what the HTML says for granted first, and learn what the token allows. Return a function that learns it again. */
export function createAccess({ get, attempt, dispatch }) {
  const learn = () =>
    attempt(
      async () => dispatch({ type: "access", ...(await get("training/access")) }),
      () => {},
    );
  const { access } = document.documentElement.dataset;
  dispatch({ type: "access", access });
  if (access !== "full") learn(); // Else the service has one token, or none.
  offerToForget();
  byId("forget-token").addEventListener("click", () => {
    saveToken(null);
    location.reload();
  });
  watchToken(() => location.reload());
  return learn;
}
