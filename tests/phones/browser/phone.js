// A telephone in a page, by JsSIP; `tests/phones/browser/browser.py` drives it. It keeps what happened in `phone.events`.
const phone = { events: [], session: null, seen: { sent: "", received: "" } };

function note(what) {
  phone.events.push(what);
}

// Of an SDP of our own, only these codecs: a browser would offer all that it knows.
function cut(sdp, names) {
  const numbers = [...sdp.matchAll(/^a=rtpmap:(\d+) ([^/]+)/gm)].filter((m) => names.includes(m[2].toLowerCase())).map((m) => m[1]);
  return sdp
    .split("\r\n")
    .filter((line) => !/^a=(rtpmap|fmtp|rtcp-fb):/.test(line) || numbers.includes(line.match(/:(\d+)/)[1]))
    .map((line) => (line.startsWith("m=audio") ? line.split(" ").slice(0, 3).concat(numbers).join(" ") : line))
    .join("\r\n");
}

phone.register = ({ uri, password, server }) => {
  phone.ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(server)], uri, password, register_expires: 300 });
  phone.ua.on("registered", () => note("registered"));
  phone.ua.on("registrationFailed", (e) => note(`refused ${e.response ? e.response.status_code : e.cause}`));
  phone.ua.on("disconnected", () => note("disconnected"));
  phone.ua.on("newRTCSession", ({ originator, session }) => taken(originator, session));
  phone.ua.start();
};

phone.unregister = () => phone.ua.stop();

function taken(originator, session) {
  phone.session = session;
  if (originator === "remote") note("incoming");
  session.on("sdp", (e) => {
    if (e.originator === "local" && phone.codecs) e.sdp = cut(e.sdp, phone.codecs);
    phone.seen[e.originator === "local" ? "sent" : "received"] = e.sdp;
  });
  session.on("progress", () => note("ringing"));
  session.on("confirmed", () => note("established"));
  session.on("ended", (e) => note(`closed ${e.originator}`));
  session.on("failed", (e) => note(`failed ${e.message ? e.message.status_code : e.cause}`));
  // JsSIP waits for the end of gathering otherwise, which takes as long as the slowest interface
  let gathered;
  session.on("icecandidate", (e) => {
    clearTimeout(gathered);
    gathered = setTimeout(e.ready, 300);
  });
  const listen = (connection) => (connection.ontrack = (e) => hear(e.streams[0] || new MediaStream([e.track])));
  if (session.connection) listen(session.connection);
  session.on("peerconnection", (e) => listen(e.peerconnection));
}

const MEDIA = {
  mediaConstraints: { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false }, video: false },
  pcConfig: { iceServers: [] },
};

phone.dial = (target, codecs) => {
  phone.codecs = codecs;
  phone.ua.call(target, MEDIA);
};
phone.answer = (codecs) => {
  phone.codecs = codecs;
  phone.session.answer(MEDIA);
};
phone.hangUp = () => phone.session.terminate();
phone.hold = () => phone.session.hold({}, () => note("held"));
phone.resume = () => phone.session.unhold({}, () => note("resumed"));
phone.press = (keys, by = "RFC2833") => phone.session.sendDTMF(keys, { transportType: by, duration: 120, interToneGap: 100 });

// --- the ear -----------------------------------------------------------------------------------------------------------

function hear(stream) {
  const element = new Audio(); // without one Chromium decodes nothing
  element.srcObject = stream;
  element.muted = true;
  element.play();
  const context = new AudioContext();
  phone.analyser = context.createAnalyser();
  phone.analyser.fftSize = 8192;
  phone.analyser.smoothingTimeConstant = 0;
  context.createMediaStreamSource(stream).connect(phone.analyser);
}

// The strongest frequency now, 0 where there is no sound.
phone.heard = () => {
  if (!phone.analyser) return 0;
  const bins = new Float32Array(phone.analyser.frequencyBinCount);
  phone.analyser.getFloatFrequencyData(bins);
  const top = bins.reduce((best, level, index) => (level > bins[best] ? index : best), 0);
  return bins[top] < -60 ? 0 : (top * phone.analyser.context.sampleRate) / phone.analyser.fftSize;
};

// `times` looks in a row, 50 ms apart, that find this tone; what was found instead when time is over.
phone.waitTone = async (hz, times, seconds) => {
  const found = [];
  for (let left = seconds * 20; left > 0; left -= 1) {
    found.push(Math.round(phone.heard()));
    if (found.length >= times && found.slice(-times).every((one) => Math.abs(one - hz) < 15)) return "";
    await new Promise((wake) => setTimeout(wake, 50));
  }
  return found.slice(-20).join(" ");
};

phone.statistics = async () => {
  const report = [...(await phone.session.connection.getStats()).values()];
  const codec = (kind) => {
    const stream = report.find((one) => one.type === kind && one.kind === "audio");
    const used = stream && report.find((one) => one.id === stream.codecId);
    return used ? used.mimeType : "";
  };
  const transport = report.find((one) => one.type === "transport");
  return { sends: codec("outbound-rtp"), hears: codec("inbound-rtp"), dtls: transport ? transport.dtlsState : "", cipher: transport ? transport.srtpCipher : "" };
};

globalThis.phone = phone;
