// Plays of the official socket.io 2 server and client (Engine.IO 3): `node socketio2.cjs PLAY`. Both sides live in this
// process and meet over 127.0.0.1:8080. JSONP has no client outside browsers, so that play makes its requests by hand.

const http = require("node:http");
const vm = require("node:vm");
const { log, from, using, sleep, event } = require("./log.cjs");
require("./http-hooks.cjs");
const wsHooks = require("./ws-hooks.cjs");
const hooks = require("./socketio-hooks.cjs");

using("sio2", "socket.io", "socket.io-client", "engine.io", "engine.io-client", "ws");
const require2 = from("sio2");
const SocketIO = require2("socket.io");
const connect = require2("socket.io-client");
const play = process.argv[2];

wsHooks.hook(require2("ws"));
hooks.engine(3, { server: "/engine.io/lib", client: "/engine.io-client/lib" });
const Client = hooks.loaded("/socket.io/lib/client.js");
hooks.socketio(4, { Client, Manager: connect.Manager, send: { server: "packet", client: "packet" }, binaryTypes: false });

const PORT = 8080;
const BLOB = Buffer.from([1, 2, 3, 4]);
const UNICODE = "é€😀 𝄞 \u0000 \"\\\n";
const app = (who, event, keys) => log({ who, layer: "app", event, ...keys });
let io;

async function listen(options = {}) {
  const server = http.createServer((_, response) => response.writeHead(404).end("nothing here"));
  io = SocketIO(server, { pingInterval: 25000, pingTimeout: 20000, ...options });
  server.listen(PORT, "127.0.0.1");
  await event(server, "listening");
  io.on("connection", (socket) => {
    app("server", "connection", { socket: socket.id });
    socket.on("disconnect", (reason) => app("server", "disconnect", { reason }));
    socket.on("echo", (...args) => args.pop()(...args));
    socket.on("say", (...args) => socket.emit("said", ...args));
    socket.on("ask me", () => socket.emit("question", "your name?", (...answer) => socket.emit("answered", ...answer)));
    socket.on("hand me a blob", () => socket.emit("blob", BLOB, (back) => socket.emit("got back", back)));
    socket.on("tell all", (...args) => io.emit("all", ...args));
    socket.on("throw me out", () => socket.disconnect(true));
  });
  io.of("/admin").use((socket, next) => next(socket.handshake.query.token === "let me in" ? undefined : new Error("not authorized")));
  io.of("/admin").on("connection", (socket) => socket.on("tell me", (reply) => reply(BLOB)));
}

function client(options) {
  const socket = connect(`http://127.0.0.1:${PORT}`, { forceNew: true, reconnection: false, ...options });
  socket.on("connect", () => app("client", "connect", { namespace: "/" }));
  socket.on("disconnect", (reason) => app("client", "disconnect", { namespace: "/", reason }));
  return socket;
}

const acked = (socket, ...args) => new Promise((done) => socket.emit(...args, done));

async function talk(socket) {
  socket.on("question", (text, answer) => answer("ada", { to: text }));
  socket.on("blob", (blob, answer) => answer(Buffer.concat([blob, Buffer.from([5])])));
  await acked(socket, "echo", "hello", 1, 2.5, -3, true, null, { deep: { list: [[]] } });
  let said = event(socket, "said");
  socket.emit("say", UNICODE, { [UNICODE]: "" });
  await said;
  for (const n of [1, 2, 3]) socket.emit("say", "burst €😀", n);
  await sleep(100);
  let answered = event(socket, "answered");
  socket.emit("ask me");
  await answered;
  said = event(socket, "said");
  socket.emit("say", BLOB, { nested: [{ blob: Buffer.from([9]) }, "text", Buffer.from([255, 0, 255])] });
  await said;
  await acked(socket, "echo", { data: BLOB, twice: [BLOB, BLOB] });
  answered = event(socket, "got back");
  socket.emit("hand me a blob");
  await answered;
  await acked(socket, "echo");
  const all = event(socket, "all");
  socket.emit("tell all", "broadcast", BLOB);
  await all;
}

async function namespaces(socket) {
  const manager = socket.io;
  const refused = manager.socket("/admin", { query: { token: "wrong" } });
  const [message] = await event(refused, "error");
  app("client", "error", { namespace: "/admin", message });
  const unknown = manager.socket("/nowhere");
  await event(unknown, "error");
  const admin = manager.socket("/admin", { query: { token: "let me in" } });
  // The manager keeps one socket for a namespace, and this one was refused: ask again, with the right word.
  admin.query = "token=let%20me%20in";
  admin.close().open();
  await event(admin, "connect");
  await acked(admin, "tell me");
  admin.close();
  await sleep(50);
}

async function whole(options) {
  // In Engine.IO 3 it is the client that pings, at the interval the server tells it.
  await listen({ pingInterval: 1200 });
  const socket = client(options);
  await event(socket, "connect");
  if (!options.transports && socket.io.engine.transport.name === "polling") await event(socket.io.engine, "upgrade");
  await sleep(100);
  await talk(socket);
  await namespaces(socket);
  await event(socket, "pong");
  await sleep(50);
  socket.disconnect();
  await sleep(100);

  const thrown = client({ ...options, transports: options.transports ?? ["websocket"] });
  await event(thrown, "connect");
  await sleep(50);
  thrown.emit("throw me out");
  await event(thrown, "disconnect");
  await sleep(100);
}

// ---- polls made by hand ---------------------------------------------------------------------------------------------

const agent = new http.Agent({ keepAlive: true });

function ask(method, query, body, type) {
  return new Promise((done, failed) => {
    const headers = body === undefined ? {} : { "Content-Type": type, "Content-Length": Buffer.byteLength(body) };
    const options = { host: "127.0.0.1", port: PORT, agent, method, path: "/socket.io/?EIO=3&transport=polling" + query, headers };
    const request = http.request(options, (response) => {
      const parts = [];
      const text = response.headers["content-type"] !== "application/octet-stream";
      response.on("data", (part) => parts.push(part));
      response.on("end", () => done(text ? String(Buffer.concat(parts)) : Buffer.concat(parts)));
    });
    request.on("error", failed);
    request.end(body);
  });
}

/** A browser of the simplest kind: each GET answer is a script that calls `___eio[j]`, each POST is a form's field `d`. */
async function jsonp() {
  await listen();
  const heard = [];
  const page = vm.createContext({ ___eio: [(payload) => heard.push(payload)] });
  const poll = async (query) => {
    vm.runInContext(await ask("GET", query + "&j=0&b64=1"), page);
    app("client", "script ran", { payload: heard.at(-1) });
    return heard.at(-1);
  };
  // engine.io-client writes a form's field so: newlines once more escaped, against browsers that would change them.
  const post = (query, payload) => {
    const escaped = payload.replace(/\\n/g, "\\\\n").replace(/\n/g, "\\n");
    return ask("POST", query + "&j=0&b64=1", "d=" + encodeURIComponent(escaped), "application/x-www-form-urlencoded");
  };
  const payload = (...packets) => packets.map((packet) => packet.length + ":" + packet).join("");

  const opened = await poll("");
  const session = "&sid=" + JSON.parse(opened.slice(opened.indexOf("0") + 1).match(/\{.*?\]?\}/)[0]).sid;
  await post(session, payload('42["say","plain"]'));
  await poll(session);
  await post(session, payload('42["say","é€😀 \u2028"]', '42["say","line\\nbreak"]'));
  await poll(session);
  await post(session, payload('420["echo","an ack, and a ping"]', "2"));
  await poll(session);
  // Binary cannot ride in a script, so it comes as base64.
  await post(session, payload('42["hand me a blob"]'));
  await poll(session);
  await post(session, payload('461-0[{"_placeholder":true,"num":0}]', "b4AQIDBAU="));
  await poll(session);
  await post(session, payload("41"));
  await post(session, payload("1"));
  await sleep(100);
}

/** Polling as a browser with XHR2 does it: bodies of bytes, where Node's client would choose base64. */
async function xhr2() {
  await listen();
  const parser = hooks.loaded("/engine.io-parser/lib/index.js");
  const decode = (data) => {
    const packets = [];
    parser.decodePayload(data, undefined, (packet) => packets.push(packet));
    return packets;
  };
  const encode = (packets) => new Promise((done) => parser.encodePayload(packets, true, done));
  const opened = decode(await ask("GET", ""));
  const session = "&sid=" + JSON.parse(opened[0].data).sid;
  const post = async (...packets) => {
    const body = await encode(packets.map((data) => ({ type: "message", data })));
    return ask("POST", session, body, Buffer.isBuffer(body) ? "application/octet-stream" : "text/plain;charset=UTF-8");
  };
  await post('2["say","text only: é€😀"]');
  await ask("GET", session);
  await post('51-["say",{"_placeholder":true,"num":0}]', BLOB);
  await ask("GET", session);
  await post('2["say","é€😀 beside bytes"]', '52-3["echo",{"a":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]', BLOB, Buffer.from([255, 0]));
  await ask("GET", session);
  await post('2["tell all","broadcast"]', '51-["tell all",{"_placeholder":true,"num":0}]', Buffer.alloc(300, 7));
  await ask("GET", session);
  await ask("POST", session, "1:1", "text/plain;charset=UTF-8");
  await sleep(100);
}

/** A program may say itself whether there are octets in an event: what comes of it, right or not, from either side. */
async function binary() {
  await listen();
  const socket = client({ transports: ["websocket"] });
  await event(socket, "connect");
  await sleep(50);
  const own = io.sockets.sockets[socket.id];
  for (const side of [own, socket]) {
    side.binary(false).emit("no octets", "said rightly");
    side.binary(false).emit("octets", BLOB);
    side.binary(true).emit("octets", BLOB);
    side.emit("octets", BLOB);
    await sleep(100);
  }
  socket.disconnect();
  await sleep(100);
}

const plays = {
  default: () => whole({}),
  websocket: () => whole({ transports: ["websocket"] }),
  polling: () => whole({ transports: ["polling"] }),
  binary, jsonp, xhr2,
};

plays[play]().then(async () => {
  io.close();
  agent.destroy();
  await sleep(100);
  process.exit(0);
}, (error) => {
  console.error(error);
  process.exit(1);
});
setTimeout(() => { console.error("the play hangs"); process.exit(1); }, 20000).unref();
