/** The socket: connect, stay connected for ever, and hand what arrives to Sync. */
import { ROOT } from "./address.js";
import { Sync } from "./sync.js";
import { io } from "./vendor/socket.io-client-4.8.4.esm.min.js";

const EVENTS = ["run", "metrics", "progress", "log", "system"];
const ANSWER_WITHIN_MS = 15000;
const RETRY_AFTER_MS = 1000;

/**
 * Start following. `getToken` is asked at every connection; `checkAccess` asks the person for a token if one is needed
 * and resolves once it is right.
 */
export function followLive({ getState, dispatch, getToken, checkAccess }) {
  const socket = io("/training", {
    path: `${ROOT.pathname}socket.io/`,
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    auth: (give) => give({ token: getToken() }),
    reconnectionDelay: 250,
    reconnectionDelayMax: 2000,
    timeout: 10000,
  });
  const sync = new Sync({ getState, dispatch, send: (request, answered) => subscribe(socket, request, answered) });
  const tell = (status, message) => dispatch({ type: "connection", status, message, at: Date.now() });

  async function explain() {
    const message = await refusal();
    if (!socket.connected) tell(message === null ? "offline" : "refused", message);
  }

  for (const name of EVENTS) socket.on(name, (event) => sync.receive(name, event));
  socket.on("connect", () => {
    tell("live");
    sync.connected();
  });
  socket.on("disconnect", (reason) => {
    sync.disconnected();
    if (getState().connection.status === "live") tell("offline");
    explain();
    // Of its own accord the client comes back from everything but a server that said goodbye.
    if (reason === "io server disconnect") setTimeout(() => socket.connect(), RETRY_AFTER_MS);
  });
  socket.on("connect_error", async (error) => {
    if (socket.active) return explain();
    // The service itself said no. REST tells whether it was for the token.
    tell("refused", error.message);
    await checkAccess();
    setTimeout(() => socket.connect(), RETRY_AFTER_MS);
  });
  return sync;
}

function subscribe(socket, request, answered) {
  socket.timeout(ANSWER_WITHIN_MS).emit("subscribe", request, (error, answer) => {
    if (error === null) answered(answer);
    else if (socket.connected) answered(null);
  });
}

/** Why the service lets no socket in, as it says itself; null when it does not answer at all. */
async function refusal() {
  try {
    // A POST, because with that a browser names the page's origin, as it does for a socket. Without a session it opens none.
    const response = await fetch("socket.io/?transport=polling", { method: "POST", cache: "no-store" });
    return [403, 503].includes(response.status) ? (await response.json()).message : null;
  } catch {
    return null;
  }
}
