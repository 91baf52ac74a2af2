import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { createApi, isUnreachable } from "../../static/api.js";

/** Answer each request with `answer(request, response)` while `use(url)` runs. */
async function serve(answer, use) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    await use(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const open = createApi({ readToken: () => null });

async function problemOf(request) {
  try {
    await request;
  } catch ({ problem }) {
    return problem;
  }
}

test("the service's own problem is passed on", async () => {
  const problem = { code: 404, status: "Not Found", message: "No run 'A'", errors: {} };
  const refuse = (_, response) => response.writeHead(404).end(JSON.stringify(problem));
  await serve(refuse, async (url) => assert.deepEqual(await problemOf(open.get(url)), problem));
  assert.equal(isUnreachable(problem), false);
});

test("a proxy without the service behind it means that the service is unreachable", async () => {
  const answer = (_, response) => response.writeHead(502).end("<html>Bad Gateway");
  await serve(answer, async (url) => assert.ok(isUnreachable(await problemOf(open.get(url)))));
});

test("an answer that breaks off is no answer", async () => {
  const breakOff = (_, response) => {
    response.writeHead(200, { "Content-Length": 100 }).write('{"run_id":');
    setImmediate(() => response.destroy());
  };
  await serve(breakOff, async (url) => {
    assert.ok(isUnreachable(await problemOf(open.get(url))));
    assert.ok(isUnreachable(await problemOf(open.list(url))));
  });
});

test("a page of a list has the total", async () => {
  const answer = (_, response) => response.writeHead(200, { "X-Total-Count": "17" }).end("[1, 2]");
  await serve(answer, async (url) => assert.deepEqual(await open.list(url), { items: [1, 2], total: 17 }));
});

test("all requests under way ask for the token once", async () => {
  let token = "wrong";
  const questions = [];
  const api = createApi({
    readToken: () => token,
    async ask(wasWrong) {
      questions.push(wasWrong);
      token = "right";
    },
  });
  const answer = ({ headers }, response) =>
    response.writeHead(headers.authorization === "Bearer right" ? 200 : 401).end("{}");
  await serve(answer, async (url) => {
    assert.deepEqual(await Promise.all([api.get(url), api.get(url)]), [{}, {}]);
  });
  assert.deepEqual(questions, [true]);
});

test("a download that breaks off says so, and one that is refused has the service's reason", async () => {
  const breakOff = (_, response) => {
    response.writeHead(200, { "Content-Length": 100 }).write("weights");
    setImmediate(() => response.destroy());
  };
  await serve(breakOff, async (url) => assert.match((await problemOf(open.download(url))).message, /interrupted/));
  const refuse = (_, response) => response.writeHead(409).end(JSON.stringify({ code: 409, message: "It is written." }));
  await serve(refuse, async (url) => assert.equal((await problemOf(open.check(url))).message, "It is written."));
  const send = (_, response) => response.end("weights");
  await serve(send, async (url) => assert.equal(await problemOf(open.check(url)), undefined));
});

test("a form is sent as one", async () => {
  const answer = async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    response.end(JSON.stringify({ type: request.headers["content-type"], body: Buffer.concat(parts).toString() }));
  };
  const form = new FormData();
  form.append("image", new Blob(["pixels"]), "größe.png");
  await serve(answer, async (url) => {
    const { type, body } = await open.post(url, form);
    assert.match(type, /^multipart\/form-data; boundary=/);
    assert.ok(body.includes('name="image"; filename="größe.png"') && body.includes("pixels"));
  });
});
