// The page of a room. It reads with an EventSource, from the newest page on, and sends with fetch. Two promises of the
// server carry it: the numbers of a room have no gaps and come in order, and a message sent again with its id is stored
// once. So a message stays in the outbox (kept over reloads) until the server has answered for it, however often that takes.
//
// A server with authentication answers 401 until the page has a token: one of #token=… in its address, or one that is
// pasted. It is kept for this tab alone, and says who one is.

const MAX_BYTES = 32 * 1024;
const KEEP = 1000; // messages left on the page when it gets long; the others can be shown again
const RETRY_MS = [500, 1000, 2000, 4000, 8000, 15000];

const $ = (id) => document.getElementById(id);
const room = new URLSearchParams(location.search).get("room") || "lobby";
const api = (path) => `rooms/${encodeURIComponent(room)}/${path}`; // relative: the page may live below a prefix
const stored = {
  get(key, otherwise) { try { return JSON.parse(localStorage.getItem("restante." + key)) ?? otherwise; } catch { return otherwise; } },
  set(key, value) { try { localStorage.setItem("restante." + key, JSON.stringify(value)); } catch { /* private mode: not kept */ } },
};

let token = takeToken();
let me = token ? subject(token) : stored.get("name", "");
let first = 0; // number of the oldest message on the page, 0: none
let last = 0; // number of the newest message that was read
let oldestKept = 0; // number of the oldest message that the server still has

const wait = (ms) => new Promise((done) => setTimeout(done, ms * (0.75 + Math.random() / 2)));
const pause = (attempt) => wait(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);

// ---- the token ----

function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    history.replaceState(null, "", location.pathname + location.search); // not for the history, nor for whoever looks on
    keepToken(given);
    return given;
  }
  try { return sessionStorage.getItem("restante.token") ?? ""; } catch { return ""; }
}

function keepToken(text) {
  try { sessionStorage.setItem("restante.token", text); } catch { /* private mode: asked for again after a reload */ }
}

// subject reads whose token it is, to show it; whether it is valid is for the server to say.
function subject(jwt) {
  try {
    const claims = atob(jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return String(JSON.parse(new TextDecoder().decode(Uint8Array.from(claims, (c) => c.charCodeAt(0)))).sub ?? "");
  } catch { return ""; }
}

const authorized = (headers = {}) => (token ? { ...headers, Authorization: `Bearer ${token}` } : headers);

let asking = null; // the answer to be, while the page asks

// askToken asks for a token, once for all who need one at the same time.
function askToken(why) {
  asking ??= (async () => {
    $("why").textContent = why;
    $("token").value = "";
    $("gate").showModal();
    await new Promise((done) => { $("gate").onclose = done; });
    token = $("token").value.trim() || token;
    $("token").value = "";
    keepToken(token);
    iAm(subject(token));
    asking = null;
  })();
  return asking;
}

function iAm(name) {
  me = name;
  $("me").textContent = me;
  for (const li of document.querySelectorAll("#log .message")) li.classList.toggle("mine", li.dataset.by === me);
}

// ---- the state of the connection, as it is ----

function link(state, text) {
  $("link").dataset.state = state;
  $("link").textContent = text;
}

// ---- the log ----

const atEnd = () => $("scroll").scrollHeight - $("scroll").scrollTop - $("scroll").clientHeight < 80;
const toEnd = () => { $("scroll").scrollTop = $("scroll").scrollHeight; $("latest").hidden = true; };

function element(name, className, text) {
  const e = document.createElement(name);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text; // always text, never markup
  return e;
}

function bubble(m) {
  const li = element("li", "message" + (m.client_id === me ? " mine" : ""));
  const by = element("div", "by");
  const when = new Date(m.stored_at ?? m.sent_at ?? Date.now());
  const time = element("time", "", when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = when.toISOString();
  time.title = when.toLocaleString();
  by.append(element("b", "", m.client_id), " ", time);
  const text = element("p", "text", m.msg);
  text.dir = "auto";
  li.append(by, text);
  li.dataset.seq = m.seq ?? "";
  li.dataset.by = m.client_id;
  li.dataset.at = when.getTime();
  return li;
}

// follow marks li as going on what is above it: same sender, within five minutes; or as the first of its day.
function follow(li, above) {
  const at = new Date(Number(li.dataset.at));
  const before = above && new Date(Number(above.dataset.at));
  li.classList.toggle("same", Boolean(above) && above.dataset.by === li.dataset.by && at - before < 300_000);
  if (before && before.toDateString() === at.toDateString()) return;
  const day = element("li", "day", at.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long", year: "numeric" }));
  li.before(day);
}

const lastMessage = () => $("log").querySelector(".message:last-child");

function append(m) {
  if (m.seq <= last) return; // seen: a stream may repeat, never skip
  last = m.seq;
  if (!first) first = m.seq;
  const above = lastMessage();
  const li = bubble(m);
  $("log").append(li);
  follow(li, above);
  $("empty").hidden = true;
  confirmed(m.id);
}

function prepend(messages) {
  const rest = document.createDocumentFragment();
  const old = [...$("log").children];
  const height = $("scroll").scrollHeight - $("scroll").scrollTop;
  let above = null;
  rest.append(...old);
  for (const m of messages) {
    const li = bubble(m);
    $("log").append(li);
    follow(li, above);
    above = li;
  }
  const joint = rest.querySelector(".message");
  rest.querySelector(".day")?.remove(); // of the message that was the first
  $("log").append(rest);
  if (joint) follow(joint, above);
  if (messages.length) first = messages[0].seq;
  $("scroll").scrollTop = $("scroll").scrollHeight - height;
}

function trim() {
  const messages = $("log").querySelectorAll(".message");
  if (messages.length <= KEEP * 1.5 || !atEnd()) return;
  const keep = messages[messages.length - KEEP];
  while ($("log").firstElementChild !== keep) $("log").firstElementChild.remove();
  follow(keep, null);
  first = Number(keep.dataset.seq);
  showOlder();
}

const showOlder = () => { $("older").hidden = !(first > 0 && first > oldestKept); };

async function read(path) {
  const answer = await fetch(api(path), { headers: authorized({ Accept: "application/json" }) });
  if (!answer.ok) throw await problem(answer);
  const page = await answer.json();
  oldestKept = page.oldest_seq;
  return page;
}

async function problem(answer) {
  let p = {};
  try { p = await answer.json(); } catch { /* a proxy's own page */ }
  const fields = p.errors?.map((e) => `${e.field} ${e.message}`).join("; ");
  const retry = answer.status >= 500 || [401, 408, 409, 425, 429].includes(answer.status);
  const text = sentence(answer.status, p.detail) ?? (fields || p.detail || answer.statusText || "no reason given");
  return Object.assign(new Error(text), { status: answer.status, retry, after: Number(answer.headers.get("Retry-After")) || 0 });
}

// sentence says in plain words what has nothing to do with the message itself.
function sentence(status, detail) {
  switch (status) {
    case 401: return token ? `The server does not take this token: ${detail ?? "no reason given"}.` : "This server wants to know who you are.";
    case 403: return `You may not do this: ${detail ?? "no reason given"}.`;
    case 429: return `That was too much at once: ${detail ?? "no reason given"}. Trying again…`;
  }
}

// again waits until another try makes sense: until there is another token, or some time is over.
async function again(e, attempt) {
  if (e.status === 401) return askToken(e.message);
  await wait((e.after ?? 0) * 1000);
  await pause(attempt);
}

// ---- reading: the newest page, then the stream from there on ----

// begin reports whether the room can be read: a name that is none cannot.
async function begin() {
  for (let attempt = 0; ; attempt++) {
    try {
      const page = await read("messages?limit=100");
      page.messages.forEach(append);
      $("empty").hidden = page.messages.length > 0;
      showOlder();
      toEnd();
      return true;
    } catch (e) {
      if (e.retry === false) { link("away", e.message); return false; }
      link("away", e.status ? e.message : "The server does not answer. Trying again…");
      await again(e, attempt);
    }
  }
}

function stream() {
  let attempt = 0;
  const open = () => {
    const query = new URLSearchParams(token ? { after: last, access_token: token } : { after: last }); // it sets no headers
    const events = new EventSource(api(`events?${query}`));
    events.onopen = () => { attempt = 0; link("live", "Live"); flush(); };
    events.addEventListener("message", (event) => {
      const stay = !atEnd();
      append(JSON.parse(event.data));
      if (stay) { $("latest").hidden = false; return; }
      toEnd();
      trim();
    });
    events.onerror = async () => { // reopened here, from the last number: the browser may give up, or wait long
      events.close();
      link("away", navigator.onLine ? "Connection lost. Reconnecting…" : "You are offline");
      await pause(attempt++);
      try { await read(`messages?after=${last}&limit=1`); } catch (e) { // an EventSource does not say why it failed
        if (e.status) link("away", e.message);
        if (e.retry === false) return;
        await again(e, attempt);
      }
      open();
    };
  };
  open();
}

// ---- sending: an outbox that is emptied in order ----

const outbox = stored.get("outbox." + room, []); // of {id, msg, client_id, late?, refused?, accepted?}
let sending = false;

function newID() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is there in secure contexts only
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  return [...b].map((x, i) => ([4, 6, 8, 10].includes(i) ? "-" : "") + x.toString(16).padStart(2, "0")).join("");
}

// confirmed ends a message's stay in the outbox: it has come back in the stream.
function confirmed(id) {
  const i = outbox.findIndex((m) => m.id === id);
  if (i < 0) return;
  outbox.splice(i, 1);
  showOutbox();
}

function stateOf(m) {
  if (m.accepted) return "Sent";
  if (m.refused) return `Not sent: ${m.refused} `;
  return m.late ? `Not sent yet. ${m.late}` : "Sending…";
}

function showOutbox() {
  stored.set("outbox." + room, outbox.filter((m) => !m.accepted));
  $("outbox").replaceChildren(...outbox.map((m) => {
    const li = bubble(m);
    li.classList.add("mine", "same");
    const state = element("div", "state" + (m.refused ? " bad" : ""), stateOf(m));
    if (m.refused) {
      const edit = element("button", "quiet", "Edit");
      edit.onclick = () => { confirmed(m.id); $("text").value = m.msg; $("text").focus(); };
      const drop = element("button", "quiet", "Discard");
      drop.onclick = () => confirmed(m.id);
      state.append(edit, drop);
    }
    li.append(state);
    return li;
  }));
}

async function flush() {
  if (sending) return;
  sending = true;
  for (let attempt = 0, m; (m = outbox.find((x) => !x.refused && !x.accepted));) {
    try {
      const answer = await fetch(api("messages"), {
        method: "POST",
        headers: authorized({ "Content-Type": "application/json" }),
        body: JSON.stringify({ id: m.id, msg: m.msg, client_id: m.client_id }),
      });
      if (!answer.ok) throw await problem(answer);
      attempt = 0;
      m.accepted = true;
      showOutbox();
      setTimeout(() => confirmed(m.id), 10_000); // one that had been stored long ago does not come again
    } catch (e) {
      if (e.retry === false) m.refused = e.message;
      else m.late = e.status ? e.message : "Trying again…";
      showOutbox();
      if (e.retry !== false) await again(e, attempt++);
    }
  }
  sending = false;
}

// ---- the page ----

function send() {
  const msg = $("text").value;
  const bytes = new TextEncoder().encode(msg).length;
  $("fault").hidden = bytes <= MAX_BYTES;
  $("fault").textContent = `A message has at most ${MAX_BYTES} bytes; this one has ${bytes}.`;
  if (!msg.trim() || bytes > MAX_BYTES) return;
  outbox.push({ id: newID(), msg, client_id: me });
  $("text").value = "";
  showOutbox();
  toEnd();
  flush();
}

async function askName() {
  $("name").value = me;
  $("name").oninput = () => $("name").setCustomValidity(new TextEncoder().encode($("name").value).length > 128 ? "A shorter one, please." : "");
  $("who").showModal();
  await new Promise((done) => { $("who").onclose = done; });
  iAm($("name").value.trim() || me || "guest");
  stored.set("name", me);
  $("text").focus();
}

async function suggestRooms() {
  try {
    const answer = await fetch("rooms?limit=500", { headers: authorized() });
    if (!answer.ok) return;
    const { rooms } = await answer.json();
    $("known").replaceChildren(...rooms.map((r) => Object.assign(document.createElement("option"), { value: r.name })));
  } catch { /* a convenience only */ }
}

async function main() {
  document.title = `#${room} · Restante`;
  $("room").value = room;
  $("me").textContent = me;
  $("me").onclick = () => (token ? askToken("With another token you are somebody else.").then(() => location.reload()) : askName());
  $("latest").onclick = toEnd;
  $("scroll").onscroll = () => { if (atEnd()) $("latest").hidden = true; };
  $("older").onclick = async () => {
    $("older").disabled = true;
    try { prepend((await read(`messages?before=${first}&limit=100`)).messages); } catch (e) { $("fault").textContent = e.message; $("fault").hidden = false; }
    $("older").disabled = false;
    showOlder();
  };
  $("rooms").onsubmit = (event) => { event.preventDefault(); location.search = "?room=" + encodeURIComponent($("room").value); };
  $("room").onfocus = suggestRooms;
  $("compose").onsubmit = (event) => { event.preventDefault(); send(); };
  $("text").onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  addEventListener("hashchange", () => { if (takeToken() !== token) location.reload(); });
  showOutbox();
  if (!(await begin())) return;
  if (!me) await askName();
  stream();
  flush();
}

main();
