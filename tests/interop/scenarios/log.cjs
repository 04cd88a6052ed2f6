// How every Node scenario writes what its programs knew: JSON lines, named as in the export contract (README.md).
// Also the few helpers all scenarios share: packages from the scratch folder, sleeping, waiting for an event.

const { execFileSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");

const file = fs.openSync(process.env.INTEROP_LOG, "a");
const packages = process.env.INTEROP_PACKAGES;

/** A key and a certificate for 127.0.0.1, made for this play and thrown away with it. */
exports.certificate = () => {
  const work = process.env.INTEROP_WORK;
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => path.join(work, name));
  const what = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", [...what, ...names, "-keyout", key, "-out", cert], { stdio: "pipe" });
  return { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
};

/** Keeps the secrets of every session of a server of TLS, as a key log; they are written into the capture. */
exports.keepSecrets = (server) => {
  const kept = path.join(process.env.INTEROP_WORK, "secrets");
  server.on("keylog", (line) => fs.appendFileSync(kept, line));
};

exports.log = (line) => fs.writeSync(file, JSON.stringify(line) + "\n");

exports.log({ programs: { node: process.versions.node } });

/** Tells the version of each package named, as installed in a set; it becomes part of the log's first line. */
exports.using = (set, ...names) => {
  for (const name of names) {
    const stated = fs.readFileSync(path.join(packages, set, "node_modules", name, "package.json"));
    exports.log({ programs: { [name]: JSON.parse(stated).version } });
  }
};

/** `require` as if from the folder where the package set (`sio4`, `sio2`, `ws`, `sse`) is installed. */
exports.from = (set) => require("node:module").createRequire(path.join(packages, set, "package.json"));

exports.sleep = (ms) => new Promise((done) => setTimeout(done, ms));
exports.event = (emitter, name) => new Promise((done) => emitter.once(name, (...args) => done(args)));

/** The bytes of whatever a library hands out: text, Buffer, ArrayBuffer, view, or the parts of a fragmented message. */
const bytes = (data) => {
  if (data === undefined || data === null) return Buffer.alloc(0);
  if (typeof data === "string") return Buffer.from(data);
  if (Array.isArray(data)) return Buffer.concat(data.map(bytes));
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
};
exports.bytes = bytes;
exports.sha256 = (data) => createHash("sha256").update(bytes(data)).digest("hex");
exports.isBinary = (data) => data instanceof ArrayBuffer || ArrayBuffer.isView(data);

exports.body = (data) => ({ body_len: bytes(data).length, body_sha256: exports.sha256(data) });

/** A WebSocket message's keys. Long texts are told by their hash alone: the log stays readable. */
exports.payload = (data, isText) => {
  const octets = bytes(data);
  const line = { payload_len: octets.length, payload_sha256: exports.sha256(octets) };
  if (isText && octets.length <= 200) line.text = octets.toString();
  return line;
};

/** JSON as the export writes it: attachments as {"base64": ...}. */
exports.plain = function plain(value) {
  if (exports.isBinary(value)) return { base64: bytes(value).toString("base64") };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object" || typeof value.toJSON === "function") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
};
