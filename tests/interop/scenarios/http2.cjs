// HTTP/2 under the official socket.io: Node's own server and client of it, over TLS with its secrets kept. Polls are requests
// on streams of one connection. What Node hands to and takes from the programs is logged as http-hooks.cjs does it, with the
// number of the stream.

const http2 = require("node:http2");
const zlib = require("node:zlib");
const { log, bytes, body, certificate, keepSecrets, sleep } = require("./log.cjs");
const hooks = require("./socketio-hooks.cjs");

const { Polling } = hooks.loaded("/engine.io-client/build/cjs/transports/polling.js");

const at = (who, dir, client_port, stream) => ({ who, dir, client_port, http2_stream: stream.id, layer: "http" });
const asked = (headers) => ({ method: headers[":method"], target: headers[":path"] });
const answered = (headers) => ({ version: "HTTP/2", status: headers[":status"] });

/** Calls `then(body)` when a stream was read to its end. */
function read(stream, then) {
  const chunks = [];
  stream.on("data", (chunk) => chunks.push(bytes(chunk)));
  stream.on("end", () => then(Buffer.concat(chunks)));
}

// ---- the server -----------------------------------------------------------------------------------------------------

const EVENTS = [
  ["data: one\n\n", { event: "message", data: "one" }],
  ["event: greet\ndata: hello\nda", undefined],
  ["ta: again\n\n", { event: "greet", data: "hello\nagain" }],
];

/** What is asked for past Socket.IO: a stream of events, a file that is compressed, trailers. */
async function site(request, response) {
  const { url, stream } = request;
  if (url === "/events") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const [text, sent] of EVENTS) {
      response.write(text);
      if (sent) log({ ...at("server", "s2c", stream.session.socket.remotePort, stream), layer: "sse", ...sent });
      await sleep(30);
    }
    response.end();
  } else if (url === "/coded") {
    response.writeHead(200, { "content-type": "text/plain", "content-encoding": "gzip" });
    response.end(zlib.gzipSync("a text that compresses well, ".repeat(3000)));
  } else if (url === "/large") {
    response.writeHead(200, { "content-type": "application/octet-stream" });
    response.write(Buffer.alloc(40000, 7));
    response.addTrailers({ "x-checksum": "none" });
    response.end("the end");
  } else {
    response.writeHead(404).end("nothing here");
  }
}

/** A server on which Socket.IO can listen. */
exports.createServer = () => {
  const server = http2.createSecureServer({ ...certificate(), settings: { enableConnectProtocol: true } }, site);
  keepSecrets(server);
  server.on("stream", (stream, headers) => {
    const client_port = stream.session.socket.remotePort;
    const tell = (data) => log({ ...at("server", "c2s", client_port, stream), version: "HTTP/2", ...asked(headers), ...body(data) });
    read(stream, tell);
  });
  return server;
};

// ---- the client -----------------------------------------------------------------------------------------------------

let session;
const connection = (url) => (session ??= http2.connect(url, { rejectUnauthorized: false }));

/** One request. Returns its body as text. */
exports.ask = (url, method, target, sent) =>
  new Promise((done, fail) => {
    const stream = connection(url).request({ ":method": method, ":path": target, ...(sent && { "content-type": "text/plain" }) });
    stream.on("ready", () => {
      log({ ...at("client", "c2s", session.socket.localPort, stream), method, target, ...body(sent ?? "") });
    });
    stream.on("response", (headers) => {
      read(stream, (data) => {
        log({ ...at("client", "s2c", session.socket.localPort, stream), ...answered(headers), ...body(data) });
        const text = headers["content-encoding"] ? zlib.gunzipSync(data) : data;
        headers[":status"] === 200 ? done(String(text)) : fail(Error(headers[":status"]));
      });
    });
    stream.on("error", fail);
    stream.end(sent);
  });

exports.close = () => session.close();

/** engine.io-client's polling, on streams. */
exports.Polling = class extends Polling {
  async request(...what) {
    const uri = new URL(this.uri());
    try {
      return await exports.ask(uri.origin, what.length ? "POST" : "GET", uri.pathname + uri.search, ...what);
    } catch (error) {
      this.onError("poll error", error);
    }
  }
  doPoll() {
    this.request().then((text) => text !== undefined && this.onData(text));
  }
  doWrite(data, then) {
    this.request(data).then((text) => text !== undefined && then());
  }
};
