/** The socket: connect, reconnect forever, and pass every event to Sync. */
import { ROOT } from "./address.js";
import { Sync } from "./sync.js";
import { io } from "./vendor/socket.io-client-4.8.4.esm.min.js";

const EVENTS = ["run", "metrics", "progress", "log", "system"];
const ANSWER_TIMEOUT_MS = 15_000;
const RETRY_AFTER_MS = 1000;

/**
 * Connect, and return the Sync. `queueChanged` is called when the queue has changed. `getToken` is called at each connection; `checkAccess` asks the person for a token if one
 * is needed, and resolves once it is right.
 */
export function followLive({ getState, dispatch, queueChanged, getToken, checkAccess }) {
  const socket = io("/training", {
    path: `${ROOT.pathname}socket.io/`,
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    auth: (send) => send({ token: getToken() }),
    reconnectionDelay: 250,
    reconnectionDelayMax: 2000,
    timeout: 10_000,
  });
  const sync = new Sync({ getState, dispatch, send: (request, answered) => subscribe(socket, request, answered) });
  const setConnection = (status, message) => dispatch({ type: "connection", status, message, at: Date.now() });

  async function explain() {
    const message = await refusal();
    if (!socket.connected) setConnection(message === null ? "offline" : "refused", message);
  }

  for (const name of EVENTS) socket.on(name, (event) => sync.receive(name, event));
  socket.on("queue", queueChanged);
  socket.on("connect", () => {
    setConnection("live");
    sync.connected();
  });
  socket.on("disconnect", (reason) => {
    sync.disconnected();
    setConnection("offline");
    // The client reconnects by itself, except after the server has closed the connection on purpose.
    if (reason === "io server disconnect") setTimeout(() => socket.connect(), RETRY_AFTER_MS);
  });
  socket.on("connect_error", async (error) => {
    if (socket.active) return explain();
    // The service itself refused. REST says whether the token was the reason.
    setConnection("refused", error.message);
    await checkAccess();
    setTimeout(() => socket.connect(), RETRY_AFTER_MS);
  });
  return sync;
}

function subscribe(socket, request, answered) {
  socket.timeout(ANSWER_TIMEOUT_MS).emit("subscribe", request, (error, answer) => {
    if (error === null) answered(answer);
    else if (socket.connected) answered(null);
  });
}

/** Why the service refuses sockets, in its own words; null if it does not answer. */
async function refusal() {
  try {
    // A POST names the page's origin, as a socket does. It opens no session.
    const response = await fetch("socket.io/?EIO=4&transport=polling", { method: "POST", cache: "no-store" });
    return [403, 503].includes(response.status) ? (await response.json()).message : null;
  } catch {
    return null;
  }
}
