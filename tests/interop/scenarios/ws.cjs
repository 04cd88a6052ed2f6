// Plays of the npm package `ws` 8, server and client: `node ws.cjs PLAY`. Both sides live in this process and meet over
// 127.0.0.1:8080; each path has a server with options of its own.

const http = require("node:http");
const { log, from, using, sleep, event } = require("./log.cjs");
require("./http-hooks.cjs");
const hooks = require("./ws-hooks.cjs");

using("ws", "ws");
const ws = from("ws")("ws");
hooks.hook(ws);
hooks.senders(ws);
const { WebSocket, WebSocketServer } = ws;

const paths = new Map();
const server = http.createServer((_, response) => response.writeHead(404).end("nothing here"));
server.on("upgrade", (request, stream, head) => {
  const found = paths.get(request.url);
  found.handleUpgrade(request, stream, head, (socket) => found.emit("connection", socket, request));
});

/** Serves a path; `serve(socket)` is what the server does with each connection. */
function at(path, serve, options = {}) {
  const served = new WebSocketServer({ noServer: true, clientTracking: false, ...options });
  served.on("connection", (socket) => {
    socket.on("error", (error) => log({ who: "server", layer: "app", event: "error", code: error.code, message: error.message }));
    serve(socket);
  });
  paths.set(path, served);
}

const echo = (socket) => socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));

async function open(path, protocols = [], options = {}) {
  const socket = new WebSocket("ws://127.0.0.1:8080" + path, protocols, { perMessageDeflate: false, ...options });
  socket.on("error", (error) => log({ who: "client", layer: "app", event: "error", code: error.code, message: error.message }));
  await Promise.race([event(socket, "open"), event(socket, "close")]);
  return socket;
}

/** Sends, and waits for the answer. */
async function ask(socket, data, options) {
  const answer = event(socket, "message");
  socket.send(data, options);
  await answer;
}

async function close(socket, ...args) {
  const closed = event(socket, "close");
  socket.close(...args);
  await closed;
  await sleep(50);
}

const text = (length) => "0123456789abcdef".repeat(length / 16 + 1).slice(0, length);

// ---- plays ----------------------------------------------------------------------------------------------------------

async function talk() {
  at("/echo", echo);
  at("/first", (socket) => {
    socket.send("the server speaks first");
    echo(socket);
  });
  at("/chat", echo, { handleProtocols: (offered) => (offered.has("chat.v1") ? "chat.v1" : false) });
  at("/closed", echo, { verifyClient: (_, answer) => answer(false, 401, "no entry") });

  let socket = await open("/echo");
  for (const message of ["hello", "", "é€😀 𝄞", '{"json":[1,2]}', "\u0000"]) await ask(socket, message);
  for (const message of [Buffer.from([0, 255, 128]), Buffer.alloc(0)]) await ask(socket, message);
  // Text handed over as bytes, and text-like bytes sent as binary: the opcode is the program's word, not a guess.
  await ask(socket, Buffer.from("bytes, but text"), { binary: false });
  await ask(socket, "text, but binary", { binary: true });
  for (const payload of ["", "beat", text(125)]) {
    const pong = event(socket, "pong");
    socket.ping(payload);
    await pong;
  }
  socket.pong("unasked");
  await sleep(30);
  // Several in one tick: they may share a segment.
  const last = new Promise((done) => socket.on("message", (data) => String(data) === "5" && done()));
  for (const n of [1, 2, 3, 4, 5]) socket.send(String(n));
  await last;
  await close(socket, 1000, "done");

  socket = new WebSocket("ws://127.0.0.1:8080/first", { perMessageDeflate: false });
  await event(socket, "message");
  await ask(socket, "and I second");
  await close(socket, 1000);

  await close(await open("/chat", ["chat.v2", "chat.v1"]), 1000, "v1 it is");
  // The server chooses none of what was offered: the client must fail the handshake's result.
  await open("/chat", ["other"]);
  await open("/closed");
  // A version and a key of another time, made by hand.
  const asked = (headers) => new Promise((done) => {
    const request = http.get({ host: "127.0.0.1", port: 8080, path: "/echo", agent: false, headers: { Connection: "Upgrade", Upgrade: "websocket", ...headers } });
    request.on("response", (response) => response.resume().on("end", done));
  });
  await asked({ "Sec-WebSocket-Version": "9", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" });
  await asked({ "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "short" });
}

/** Every form of the length, on both sides of each border. The largest go one way only: the capture stays small. */
async function lengths(largest, direction) {
  const count = (socket) => socket.on("message", (data) => socket.send(String(data.length)));
  at("/echo", echo);
  at("/count", count);
  at("/give", (socket) => socket.on("message", (length) => socket.send(text(Number(length)))));
  let socket = await open("/echo");
  for (const length of [0, 1, 125, 126, 127, 1500]) {
    await ask(socket, text(length));
    await ask(socket, Buffer.alloc(length, length));
  }
  await close(socket, 1000);
  socket = await open(direction === "c2s" ? "/count" : "/give");
  await ask(socket, direction === "c2s" ? text(largest) : String(largest));
  await close(socket, 1000);
}

async function fragments() {
  at("/echo", echo);
  at("/parts", (socket) => socket.on("message", () => inParts(socket)));
  const inParts = (socket) => {
    socket.send("one ", { fin: false });
    socket.send("two ", { fin: false });
    socket.send("three", { fin: true });
    const euro = Buffer.from("a€b");
    // The cut goes through the three bytes of the euro sign.
    socket.send(euro.subarray(0, 2), { fin: false, binary: false });
    socket.ping("between fragments");
    socket.send(euro.subarray(2), { fin: true, binary: false });
    socket.send("", { fin: false });
    socket.send("the first part was empty", { fin: false });
    socket.send("", { fin: true });
    for (let n = 0; n < 20; n++) socket.send(Buffer.alloc(n, n), { fin: n === 19 });
    socket.send("whole again");
  };
  const ended = (socket) => new Promise((done) => socket.on("message", (data) => String(data) === "whole again" && done()));
  let socket = await open("/echo");
  let end = ended(socket);
  inParts(socket);
  await end;
  await sleep(30);
  await close(socket, 1000);

  // Both directions in parts at once, on one connection: each has an assembly of its own.
  socket = await open("/parts");
  end = ended(socket);
  socket.send("begin, ", { fin: false });
  socket.send("please", { fin: true });
  socket.send("half of mine, ", { fin: false });
  await end;
  socket.send("and the rest", { fin: true });
  await sleep(100);
  await close(socket, 1000);
}

async function closes() {
  const asked = { "/1001": [1001, "going away"], "/empty": [], "/4999": [4999, "é€😀"], "/1011": [1011] };
  at("/echo", echo, { maxPayload: 1000 });
  at("/terminate", (socket) => socket.on("message", () => socket.terminate()));
  for (const [path, args] of Object.entries(asked)) at(path, (socket) => socket.on("message", () => socket.close(...args)));

  for (const args of [[1000, "bye"], [1000], [], [3000, ""], [4001, "é€😀"], [4002, "x".repeat(123)]]) await close(await open("/echo"), ...args);
  for (const path of [...Object.keys(asked), "/terminate"]) {
    const socket = await open(path);
    socket.send("close, please");
    await event(socket, "close");
    await sleep(50);
  }
  (await open("/echo")).terminate();
  await sleep(50);
  // Both close in the same moment.
  let socket = await open("/1001");
  socket.send("close, please");
  await close(socket, 1000, "me too");
  // What the server must refuse, and with which code: too much, not UTF-8, an unmasked frame, a reserved opcode, RSV1.
  for (const wrong of ["too much", "818412345678edcbfe88", "810568656c6c6f", "838012345678", "c18012345678"]) {
    socket = await open("/echo");
    const closed = event(socket, "close");
    if (wrong === "too much") socket.send(text(1001));
    else socket._socket.write(Buffer.from(wrong, "hex"));
    await closed;
    await sleep(50);
  }
}

// ---- permessage-deflate ---------------------------------------------------------------------------------------------

/** Each row: the server's options, the client's. Together they make the parameters of the answer. */
const NEGOTIATED = {
  "/takeover": [{}, {}],
  "/server-none": [{ serverNoContextTakeover: true }, {}],
  "/client-none": [{ clientNoContextTakeover: true }, {}],
  "/both-none": [{ serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 100 }, { threshold: 100 }],
  "/asked-none": [{}, { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 }],
  "/not-offered": [{}, false],
  "/not-wanted": [false, {}],
};

async function deflated(path, serverOptions, clientOptions, conversation) {
  at(path, echo, { perMessageDeflate: serverOptions });
  const socket = await open(path, [], { perMessageDeflate: clientOptions });
  await conversation(socket);
  await close(socket, 1000);
}

async function deflate() {
  for (const [path, [forServer, forClient]] of Object.entries(NEGOTIATED)) {
    await deflated(path, forServer, forClient, async (socket) => {
      const long = "the same words again and again; ".repeat(20);
      for (const message of ["short", long, long, "", Buffer.from(long), "é€😀 ".repeat(30)]) await ask(socket, message);
      await ask(socket, "asked to stay plain", { compress: false });
      await ask(socket, long);
      const pong = event(socket, "pong");
      socket.ping("never compressed");
      await pong;
    });
  }
  await deflated("/parts", {}, {}, async (socket) => {
    for (const tail of ["!", ""]) {
      const answer = event(socket, "message");
      socket.send("compressed in parts, ".repeat(10), { fin: false });
      socket.send("compressed in parts, ".repeat(10), { fin: false });
      socket.ping("between");
      socket.send(tail, { fin: true });
      await answer;
    }
  });
}

/** Every window the two may agree on. The text repeats itself at a distance only the larger windows reach. */
async function windows() {
  const words = Array.from({ length: 260 }, (_, n) => (n * 7919).toString(36)).join(" ");
  for (const bits of [9, 10, 11, 12, 13, 14, 15]) {
    const forServer = { serverMaxWindowBits: bits, clientMaxWindowBits: 24 - bits, threshold: 0 };
    await deflated("/bits-" + bits, forServer, { clientMaxWindowBits: true, threshold: 0 }, async (socket) => {
      for (const message of [words, words, words.slice(0, 700)]) await ask(socket, message);
    });
  }
}

const plays = {
  talk, fragments, closes, deflate, windows,
  lengths: () => lengths(65535, "c2s"),
  "lengths-64bit": () => lengths(65536, "s2c"),
};

server.listen(8080, "127.0.0.1", async () => {
  try {
    await plays[process.argv[2]]();
    await sleep(100);
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
});
setTimeout(() => { console.error("the play hangs"); process.exit(1); }, 20000).unref();
