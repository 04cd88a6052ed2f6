// Logs what engine.io and socket.io (2 or 4, server and client) deal in: packets as objects, before they are encoded
// and after they are decoded. The public events miss some of them (the probe, the noop, the close inside a poll),
// so this looks at the transports' own send, write and onPacket; that is still above every byte of the wire.

const { log, plain, isBinary, payload, sha256 } = require("./log.cjs");

const TYPES = ["CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"];
const EVENTS = [TYPES.indexOf("EVENT"), TYPES.indexOf("BINARY_EVENT")];

/** Puts `before(this, ...args)` in front of a method; what it returns, if a function, runs after. */
function around(prototype, method, before) {
  const original = prototype[method];
  prototype[method] = function (...args) {
    const after = before(this, ...args);
    try {
      return original.apply(this, args);
    } finally {
      if (typeof after === "function") after();
    }
  };
}

/** The loaded module whose path ends so. The packages do not export these files, but they are loaded already. */
function loaded(ending) {
  const found = Object.keys(require.cache).filter((name) => name.endsWith(ending));
  if (found.length !== 1) throw new Error(`${ending}: ${found.length} modules`);
  return require.cache[found[0]].exports;
}

// ---- Engine.IO ------------------------------------------------------------------------------------------------------

const sids = new WeakMap();

function packet(who, dir, transport, protocol, what, client_port) {
  const line = { who, dir, client_port, layer: "engineio", protocol, transport: transport.name, sid: sid(who, transport, what), type: what.type };
  if (isBinary(what.data)) {
    const { payload_len, payload_sha256 } = payload(what.data);
    Object.assign(line, { binary_len: payload_len, binary_sha256: payload_sha256 });
  } else if (what.data !== undefined && what.data !== null) {
    line.data = String(what.data); // Socket.IO 2 hands over its first CONNECT as a list of one
  }
  if (line.data?.length > 300) Object.assign(line, { data: undefined, data_sha256: sha256(line.data) });
  log(line);
}

function sid(who, transport, what) {
  // By WebTransport a client, too, begins with one, which is empty where it asks for a new session.
  if (what.type === "open" && what.data) sids.set(transport, JSON.parse(what.data).sid);
  return (who === "client" && transport.socket?.id) || sids.get(transport) || sids.get(transport.socket);
}

/** A poll that holds a close packet ends the transport at once: `onPacket` never sees it. */
function closes(prototype, report) {
  around(prototype, "onData", (transport) => {
    transport.interopReading = true;
    return () => (transport.interopReading = false);
  });
  around(prototype, "onClose", (transport) => {
    if (transport.interopReading) report(transport);
    transport.interopReading = false;
  });
}

exports.engine = (protocol, paths) => {
  const pick = (ending, name) => loaded(ending)[name] ?? loaded(ending);
  const server = {
    Server: pick(paths.server + "/server.js", "Server"),
    Socket: pick(paths.server + "/socket.js", "Socket"),
    Transport: pick(paths.server + "/transport.js", "Transport"),
    Polling: pick(paths.server + "/transports/polling.js", "Polling"),
    WebSocket: pick(paths.server + "/transports/websocket.js", "WebSocket"),
  };
  const client = {
    Transport: pick(paths.client + "/transport.js", "Transport"),
    Polling: pick(paths.client + "/transports/polling.js", "Polling"),
    WebSocket: pick(paths.client + "/transports/websocket.js", "BaseWS"),
  };
  const dataPort = (t) => (t.name === "websocket" ? t.socket.interopPort : t.dataReq?.socket.remotePort);
  const pollPort = (t) => (t.name === "websocket" ? t.socket.interopPort : t.req?.socket?.remotePort);

  around(server.Server.prototype, "onWebSocket", (_, req, ...rest) => {
    if (req._query.sid) sids.set(rest.at(-1), req._query.sid);
  });
  around(server.Transport.prototype, "onPacket", (t, what) => packet("server", "c2s", t, protocol, what, dataPort(t)));
  for (const Transport of [server.Polling, server.WebSocket]) {
    around(Transport.prototype, "send", (t, packets) => {
      const port = pollPort(t);
      // Told afterwards: a poll that is to close adds a close packet to the list while sending it.
      return () => packets.forEach((what) => packet("server", "s2c", t, protocol, what, port));
    });
  }
  closes(server.Polling.prototype, (t) => packet("server", "c2s", t, protocol, { type: "close" }, dataPort(t)));

  const localPort = (t) => t.ws?.interopPort;
  around(client.Transport.prototype, "onPacket", (t, what) => packet("client", "s2c", t, protocol, what, localPort(t)));
  for (const Transport of [client.Polling, client.WebSocket]) {
    around(Transport.prototype, "write", (t, packets) => {
      packets.forEach((what) => packet("client", "c2s", t, protocol, what, localPort(t)));
    });
  }
  closes(client.Polling.prototype, (t) => packet("client", "s2c", t, protocol, { type: "close" }));
  if (paths.webtransport) webtransport(protocol, pick, paths, server.Socket);
};

/** By WebTransport a client writes its first packet past `write`, so this looks at what is written on. */
function webtransport(protocol, pick, paths, Socket) {
  const Server = pick(paths.server + "/transports/webtransport.js", "WebTransport");
  const Client = pick(paths.client + "/transports/webtransport.js", "WT");
  around(Socket.prototype, "_maybeUpgrade", (socket, transport) => {
    sids.set(transport, socket.id);
  });
  around(Server.prototype, "send", (t, packets) => packets.forEach((what) => packet("server", "s2c", t, protocol, what)));
  around(Client.prototype, "doOpen", (t) => {
    let own;
    const set = (writer) => {
      own = writer;
      around(writer, "write", (_, what) => packet("client", "c2s", t, protocol, what));
    };
    Object.defineProperty(t, "_writer", { get: () => own, set });
  });
}

// ---- Socket.IO ------------------------------------------------------------------------------------------------------

function message(who, dir, protocol, sid, socket, what, extra) {
  const [namespace, query] = what.nsp.split("?");
  const line = { who, dir, layer: "socketio", protocol, sid, socket, namespace, query, type: TYPES[what.type], id: what.id };
  // In Socket.IO 2 a program may say that there are no octets: an EVENT is JSON then, whatever is in it.
  const isText = protocol === 4 && EVENTS.indexOf(what.type) === 0;
  if (what.data !== undefined) line.data = isText ? what.data : plain(what.data);
  log({ ...line, ...extra });
}

/** The connection state recovery's last argument is not the program's: the library itself tells when it is one. */
function recovery(what, isOffset) {
  const last = Array.isArray(what.data) ? what.data.at(-1) : undefined;
  if (!EVENTS.includes(what.type) || what.id !== undefined || typeof last !== "string" || !isOffset(last)) return [what, {}];
  return [{ ...what, data: what.data.slice(0, -1) }, { offset: last }];
}

/** An event with attachments keeps its plain type until it is encoded (but in Socket.IO 2): name it as the wire will. */
function typed(what) {
  const binary = (value) =>
    isBinary(value) || (value !== null && typeof value === "object" && Object.values(value).some(binary));
  const type = binary(what.data) ? { 2: 5, 3: 6 }[what.type] : undefined;
  return { ...what, type: type ?? what.type };
}

exports.socketio = (protocol, { Client, Manager, send, binaryTypes = true }) => {
  const name = binaryTypes ? typed : (what) => what;
  const onServer = (client, what) => (client.nsps.get ? client.nsps.get(what.nsp) : client.nsps[what.nsp])?.id;
  around(Client.prototype, "ondecoded", (client, what) => {
    message("server", "c2s", protocol, client.conn.id, onServer(client, what), name(what));
  });
  around(Client.prototype, send.server, (client, what, options = {}) => {
    // A broadcast is encoded once for all; each receiver logs its own copy.
    if (options.preEncoded || client.conn.readyState !== "open") return;
    const adapter = client.server._nsps?.get(what.nsp)?.adapter;
    const [shown, extra] = recovery(what, (last) => adapter?.packets?.some((kept) => kept.id === last));
    const volatile = options.volatile || undefined;
    message("server", "s2c", protocol, client.conn.id, onServer(client, what), name(shown), { ...extra, volatile });
  });

  const onClient = (manager, what) => manager.nsps[what.nsp]?.id;
  around(Manager.prototype, "ondecoded", (manager, what) => {
    const [shown, extra] = recovery(what, () => manager.nsps[what.nsp]?._pid !== undefined);
    message("client", "s2c", protocol, manager.engine.id, onClient(manager, what), name(shown), extra);
  });
  around(Manager.prototype, send.client, (manager, what) => {
    // While one packet is being encoded, Socket.IO 2 queues the next and comes here again with it.
    if (!manager.encoding) message("client", "c2s", protocol, manager.engine.id, onClient(manager, what), name(what));
  });
};

exports.loaded = loaded;

/** Where connections are recovered a server's events go past the hook above; where the client logs nothing, its socket tells. */
exports.outgoing = (protocol, socket) => {
  socket.onAnyOutgoing((...data) => {
    const isOffset = (last) => socket.adapter.packets.some((kept) => kept.id === last);
    const [shown, extra] = recovery({ nsp: socket.nsp.name, type: 2, data }, isOffset);
    message("server", "s2c", protocol, socket.conn.id, socket.id, typed(shown), extra);
  });
};
