// Logs what Node's own `http` hands to and takes from the programs above it: whole requests and responses, as objects.
// Nothing here sees the wire. It listens by looking at what passes (write, end, emit), so no program notices.
//
// The bodies are those after transfer coding is undone and before content coding is: what `http` itself deals in.

const http = require("node:http");
const https = require("node:https");
const { log, bytes, body } = require("./log.cjs");

/** Keeps what passes through `object[method]` as its first argument, when that is data. */
function keep(object, method, chunks) {
  const original = object[method];
  object[method] = function (chunk, encoding, ...rest) {
    if (chunk && typeof chunk !== "function") {
      chunks.push(typeof chunk === "string" ? Buffer.from(chunk, typeof encoding === "string" ? encoding : "utf8") : bytes(chunk));
    }
    return original.call(this, chunk, encoding, ...rest);
  };
}

/** Calls `then(body)` when an incoming message has been read to its end. */
function read(message, then) {
  const chunks = [];
  const emit = message.emit;
  message.emit = function (name, ...args) {
    if (name === "data") chunks.push(bytes(args[0]));
    if (name === "end") then(Buffer.concat(chunks));
    return emit.call(this, name, ...args);
  };
}

function request(who, message, extra) {
  log({ who, dir: "c2s", layer: "http", method: message.method, target: message.url ?? message.path, ...extra });
}

function response(who, message, extra) {
  const status = { status: message.statusCode, reason: message.statusMessage };
  log({ who, dir: "s2c", layer: "http", ...status, ...extra });
}

// ---- servers --------------------------------------------------------------------------------------------------------

function serve(incoming, outgoing) {
  const client_port = incoming.socket.remotePort;
  const version = "HTTP/" + incoming.httpVersion;
  let told = false;
  const tell = (keys) => {
    if (!told) request("server", incoming, { client_port, version, ...keys });
    told = true;
  };
  read(incoming, (data) => tell(body(data)));
  const chunks = [];
  // `end` calls `write` inside, on a path of its own: each chunk passes here once.
  keep(outgoing, "write", chunks);
  keep(outgoing, "end", chunks);
  outgoing.on("close", () => {
    // Refused before its body was read: the program never knew the body, so the log says nothing of it.
    const bodiless = !("content-length" in incoming.headers || "transfer-encoding" in incoming.headers);
    tell(bodiless ? body("") : { body_read: false });
    const sent = incoming.method === "HEAD" ? [] : chunks;
    if (outgoing.writableFinished) response("server", outgoing, { client_port, ...body(Buffer.concat(sent)) });
    else response("server", outgoing, { client_port, finished: false });
  });
}

// A server of HTTP over TLS is of another class, and hands out the same.
for (const { Server } of [http, https]) {
  const emit = Server.prototype.emit;
  Server.prototype.emit = function (name, ...args) {
    if (name === "request" || name === "checkContinue") serve(args[0], args[1]);
    if (name === "upgrade") {
      request("server", args[0], { client_port: args[0].socket.remotePort, version: "HTTP/" + args[0].httpVersion, body_len: 0 });
    }
    return emit.call(this, name, ...args);
  };
}

// ---- clients --------------------------------------------------------------------------------------------------------

const Client = http.ClientRequest.prototype;
for (const method of ["write", "end"]) {
  const original = Client[method];
  Client[method] = function (chunk, encoding, ...rest) {
    this.interopSent ??= [];
    if (chunk && typeof chunk !== "function") this.interopSent.push(bytes(chunk));
    return original.call(this, chunk, encoding, ...rest);
  };
}

const clientEmit = Client.emit;
Client.emit = function (name, ...args) {
  // A connection's own port is known only once it stands; `finish` comes after that.
  const client_port = this.socket?.localPort;
  if (name === "finish") request("client", this, { client_port, ...body(Buffer.concat(this.interopSent ?? [])) });
  if (name === "response") {
    const incoming = args[0];
    read(incoming, (data) => response("client", incoming, { client_port, ...body(data) }));
  }
  if (name === "upgrade") response("client", args[0], { client_port, body_len: 0 });
  return clientEmit.call(this, name, ...args);
};
