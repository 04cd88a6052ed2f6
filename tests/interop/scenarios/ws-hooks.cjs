// Logs what the package `ws` (7 or 8) hands to the program above it: messages, pings, pongs, closes, handshakes.
// Each message is logged by the side that received it, so both directions are there. `senders` adds the other side's
// word: what was handed to `send`, in how many parts, and whether ws decided to compress it.

const { log, bytes, payload, isBinary } = require("./log.cjs");

/** The keys of a line about what this socket received; the port was noted while the connection stood. */
const side = (socket) => {
  const [who, dir] = socket._isServer ? ["server", "c2s"] : ["client", "s2c"];
  return { who, dir, client_port: socket.interopPort, layer: "websocket" };
};
exports.side = side;

exports.hook = (ws) => {
  const Socket = ws.WebSocket ?? ws;
  const emit = Socket.prototype.emit;
  Socket.prototype.emit = function (name, ...args) {
    // ws 7 tells text by handing out a string, ws 8 by a second argument.
    if (name === "message") {
      const text = args.length > 1 ? !args[1] : !isBinary(args[0]) && !Array.isArray(args[0]);
      log({ ...side(this), opcode: text ? "text" : "binary", ...payload(args[0], text) });
    }
    if (name === "ping" || name === "pong") log({ ...side(this), opcode: name, ...payload(args[0], true) });
    if (name === "close") close(this, args[0], args[1]);
    if (name === "upgrade") this.interopAnswer = args[0].headers;
    if (name === "open" && !this._isServer) handshake(this);
    return emit.call(this, name, ...args);
  };
  const setSocket = Socket.prototype.setSocket;
  Socket.prototype.setSocket = function (stream, ...rest) {
    this.interopPort = this._isServer ? stream.remotePort : stream.localPort;
    return setSocket.call(this, stream, ...rest);
  };
};

/** ws reports the close frame it received: 1005 stands for an empty one, 1006 for none (RFC 6455 section 7.1.5). */
function close(socket, code, reason) {
  const at = side(socket);
  if (code === 1006) log({ ...at, layer: "app", event: "closed without a close frame" });
  else log({ ...at, opcode: "close", close_code: code === 1005 ? null : code, close_reason: String(reason ?? "") });
}

/** `open` comes only after ws has checked the answer: status, hash, subprotocol and extensions. */
function handshake(socket) {
  const extensions = socket.interopAnswer["sec-websocket-extensions"] ?? null;
  log({ ...side(socket), handshake: { accepted: true, subprotocol: socket.protocol || null, extensions } });
}

exports.senders = (ws) => {
  const { prototype } = ws.WebSocket;
  const sent = (socket, keys) => log({ ...side(socket), dir: socket._isServer ? "s2c" : "c2s", ...keys });

  const send = prototype.send;
  prototype.send = function (data, options, ...rest) {
    send.call(this, data, options, ...rest);
    const parts = (this.interopParts ??= []);
    // The first part decides for all.
    if (parts.length === 0) parts.kind = { text: !(options?.binary ?? typeof data !== "string"), compressed: this._sender._compress };
    parts.push(bytes(data));
    if (options?.fin === false) return;
    this.interopParts = undefined;
    const { text, compressed } = parts.kind;
    const keys = { opcode: text ? "text" : "binary", compressed, parts: parts.map((part) => part.length) };
    sent(this, { ...keys, ...payload(Buffer.concat(parts), text) });
  };
  for (const opcode of ["ping", "pong"]) {
    const original = prototype[opcode];
    prototype[opcode] = function (data, ...rest) {
      original.call(this, data, ...rest);
      sent(this, { opcode, ...payload(data, true) });
    };
  }
  const close = prototype.close;
  prototype.close = function (code, reason) {
    // Called again, or as the answer to the peer's close, it repeats what `close` events tell anyway.
    if (this.readyState === ws.WebSocket.OPEN) {
      sent(this, { opcode: "close", close_code: code ?? null, close_reason: String(reason ?? ""), closes_first: !this._closeFrameReceived });
    }
    return close.call(this, code, reason);
  };
};
