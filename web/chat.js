'use strict';

/* The chat page.
 *
 * What is shown comes from one place, the conversation's log of events, followed live from the
 * last event shown: every tab shows the same, nothing is lost, nothing comes twice.  What the
 * customer wrote and the log does not hold yet waits in the outbox, each message with a key of its
 * own: sending it again never doubles it.  What others wrote is put on the page as text only. */

const MESSAGE_MAX = 20000; /* characters; the server refuses longer ones */
const TRIES = 6; /* attempts at one message before the customer is asked */
const QUIET_MS = 45000; /* a live stream sends a heartbeat well within this */
const SLOW_MS = 12000; /* the page says that it takes longer */
const SILENT_MS = 150000; /* it no longer pretends that an answer is coming */
const PERSON_WISH = 'I would like to talk to a person.';

const $ = (id) => document.getElementById(id);
/* On a phone this would bring up the keyboard unasked. */
const toText = () => matchMedia('(pointer: fine)').matches && text.focus();
const log = $('log'), scroller = $('scroller'), text = $('text');

function el(tag, className, content) {
	const node = document.createElement(tag);
	node.className = className || '';
	node.textContent = content ?? '';
	return node;
}

/* --- What the browser keeps.  It may refuse: then a reload begins anew, and nothing else. */

const ALL_TABS = 'localStorage', THIS_TAB = 'sessionStorage';

function keep(area, key, value) {
	try {
		if (value == null) window[area].removeItem('frontdesk.' + key);
		else window[area].setItem('frontdesk.' + key, JSON.stringify(value));
	} catch (e) {
		console.warn('The browser does not keep the ' + key + ':', e);
	}
}

function recall(area, key) {
	try {
		return JSON.parse(window[area].getItem('frontdesk.' + key));
	} catch {
		return null;
	}
}

/* --- Talking to the server */

/* Throws what fetch throws, or an error with the server's words and `status`. */
async function request(path, { token, body, headers, signal } = {}) {
	const response = await fetch('/v1' + path, {
		method: body ? 'POST' : 'GET',
		cache: 'no-store',
		signal: signal || AbortSignal.timeout(20000),
		headers: {
			Accept: 'application/json',
			...(token && { Authorization: 'Bearer ' + token }),
			'Content-Type': 'application/json',
			...headers,
		},
		body: body && JSON.stringify(body),
	});
	const { ok, status } = response;
	if (ok) return response;
	const { error } = await response.json().catch(() => ({}));
	throw Object.assign(new Error(error?.message || `The server answered with status ${status}.`), {
		status,
		lost: status === 401 || status === 404, /* the conversation, or the right to it, is gone */
		wait: 1000 * response.headers.get('Retry-After'),
	});
}

const ask = (c, what, options) =>
	request(`/conversations/${encodeURIComponent(c.id)}${what}`, { token: c.token, ...options });

/* Worth trying again as it is: the network failed, or the server is busy. */
const passing = (e) => !e.status || e.status === 429 || e.status >= 500;

function inWords(e) {
	if (!e.status) return navigator.onLine ? 'The connection failed.' : 'You are offline.';
	if (e.status === 429) return 'Too many messages at once.';
	return passing(e) ? 'The server is busy.' : e.message;
}

/* Doubling, up to 20 s, and never all pages at the same moment. */
const delay = (failures) => Math.min(20000, 400 * 2 ** failures) * (0.5 + Math.random() / 2);

const sleepers = new Set();

function pause(ms) {
	return new Promise((resolve) => {
		sleepers.add(resolve);
		setTimeout(resolve, ms);
	});
}

/* The network or the customer is back: what waits to try again does it now. */
function wakeAll() {
	for (const wake of sleepers) wake();
	sleepers.clear();
}

/* The data of server-sent events, out of text that arrives cut anywhere.  Their kind and number
 * are in the data too. */
function eventParser(take) {
	let rest = '', data = [], halfEnd = false;

	function line(s) {
		if (s === '' && data.length) take(data.splice(0).join('\n'));
		const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(s);
		if (name === 'data') data.push(value);
	}

	return (piece) => {
		if (!piece) return;
		if (halfEnd && piece[0] === '\n') piece = piece.slice(1);
		halfEnd = piece.endsWith('\r');
		const lines = piece.split(/\r\n|\r|\n/);
		lines[0] = rest + lines[0];
		rest = lines.pop();
		lines.forEach(line);
	};
}

/* --- The conversation on this page */

let now = null; /* an older one that still waits for something finds that it is not this */

function begin(talk, note) {
	now?.cut?.abort();
	now?.timers.forEach(clearTimeout);
	now = {
		id: talk?.id, token: talk?.token,
		known: Boolean(talk), /* the server has accepted it at least once */
		last: 0, /* seq of the last event shown */
		seen: 0, /* what was shown before this page was loaded */
		owner: 'ai', person: null,
		turns: new Map(), calls: new Map(), said: new Set(),
		open: new Map(), /* turns that run, and the seq that showed it */
		timers: [],
	};
	log.replaceChildren();
	$('unsent').replaceChildren();
	const seen = recall(ALL_TABS, 'seen');
	if (talk && seen?.id === talk.id) now.seen = seen.seq;
	log.ariaLive = now.seen ? 'off' : 'polite';
	stick = true;
	connected(true);
	if (note) addLine(note);
	if (talk) follow(now);
	showState();
}

/* Made with the first message, not before: looking at the page leaves nothing behind. */
async function create(c) {
	await demoKnown;
	const id = $('customer').value;
	const made = await (await request('/conversations', { body: id ? { customer: { id } } : {} })).json();
	if (c !== now) return;
	Object.assign(c, { id: made.id, token: made.token });
	keep(ALL_TABS, 'conversation', { id: c.id, token: c.token, customer: id });
	follow(c);
}

/* To another conversation.  What was not sent was meant for the old one: it goes back into the
 * message box. */
function change(talk) {
	const unsent = outbox.filter((m) => !m.seq && !m.adopted).map((m) => m.content);
	outbox = [];
	keepOutbox();
	begin(talk);
	intoDraft(...unsent);
}

function startAnew() {
	keep(ALL_TABS, 'conversation', null);
	change(null);
}

/* What never arrived goes into a new conversation. */
function lost(c) {
	keep(ALL_TABS, 'conversation', null);
	outbox = outbox.filter((m) => !m.seq);
	for (const m of outbox) m.adopted = m.node = undefined;
	begin(null, 'The earlier conversation is no longer available. This is a new one.');
	outbox.forEach(showPending);
	pump(now);
}

/* --- Following the log */

async function follow(c) {
	for (let failures = 0; c === now;) {
		const since = Date.now();
		try {
			await readEvents(c);
		} catch (e) {
			console.warn('The events stopped:', e);
			if (c !== now) return;
			if (e.lost && c.known) return lost(c);
			if (e.wait) await pause(e.wait);
		}
		if (c !== now) return;
		failures = Date.now() - since > 5000 ? 0 : failures + 1;
		connected(false);
		await pause(delay(failures));
	}
}

async function readEvents(c) {
	const cut = c.cut = new AbortController();
	let quiet = setTimeout(() => cut.abort(), QUIET_MS);
	try {
		const response = await ask(c, '/events?after=' + c.last,
			{ headers: { Accept: 'text/event-stream' }, signal: cut.signal });
		c.known = true;
		connected(true);
		refreshState(c);
		revive(c);
		const arrived = [], parse = eventParser((data) => arrived.push(data));
		const utf8 = new TextDecoder(), reader = response.body.getReader();
		for (;;) {
			const { done, value } = await reader.read();
			if (done) return;
			clearTimeout(quiet);
			quiet = setTimeout(() => cut.abort(), QUIET_MS);
			parse(utf8.decode(value, { stream: true }));
			for (const data of arrived.splice(0)) await takeEvent(c, JSON.parse(data));
		}
	} finally {
		clearTimeout(quiet);
		cut.abort();
	}
}

async function takeEvent(c, ev) {
	if (c !== now || !(ev.seq > c.last)) return;
	if (ev.seq > c.seen && log.ariaLive === 'off') {
		/* A screen reader is to read out what is new only: let it take in the old. */
		await new Promise((resolve) => setTimeout(resolve, 200));
		if (c !== now) return;
		log.ariaLive = 'polite';
	}
	c.last = ev.seq;
	c.fresh = ev.seq > c.seen;
	if (Object.hasOwn(on, ev.kind)) on[ev.kind](c, ev, ev.data || {});
	if (c.fresh) keep(ALL_TABS, 'seen', { id: c.id, seq: c.last });
	showState();
}

let barTimer = 0, isConnected = true;

function connected(yes) {
	if (yes === isConnected) return;
	isConnected = yes;
	clearTimeout(barTimer);
	if (!yes) {
		/* A hiccup is not worth a word. */
		barTimer = setTimeout(showBar, 1000, 'lost', navigator.onLine ? 'Connection lost. Reconnecting…'
			: 'You are offline. The chat goes on when you are back.');
	} else if ($('connection').dataset.state === 'lost') {
		showBar('back', 'Connected again');
		barTimer = setTimeout(showBar, 2500, '', '');
	}
}

function showBar(state, words) {
	$('connection').dataset.state = state;
	$('connection').textContent = words;
}

/* Who has the conversation is no event that a customer sees. */
async function refreshState(c) {
	try {
		c.owner = (await (await ask(c, '')).json()).owner || c.owner;
		if (c === now) showState();
	} catch (e) {
		console.warn('The state could not be read:', e); /* asked again when the stream is back */
	}
}

/* --- What each kind of event shows */

const on = {
	message(c, ev, data) {
		if (data.role === 'customer') return customerSaid(c, ev, data);
		if (data.role === 'system') return addLine(data.content);
		if (data.role === 'person') {
			const name = data.author || 'A colleague';
			if (c.person !== name) addLine(name + ' has joined the conversation.');
			c.person = name;
			if (c.fresh) c.owner = 'person';
			c.open.clear();
			sectionFor(c, 'person').append(bubble(data.content), clock(ev.at));
		} else {
			finishReply(c, ev, data.content);
		}
		if (c.fresh && document.hidden) document.title = `(${++unread}) Customer support`;
	},

	'reply.part'(c, ev, { content }) {
		opened(c, ev);
		const t = turnOf(c, ev.turn);
		if (!t.body) Object.assign(t, { body: placeIn(c, t, bubble()), text: '' });
		if (/\S$/.test(t.text) && /^\S/.test(content)) content = ' ' + content;
		t.text += content;
		t.body.append(el('span', 'part', content));
	},

	'model.step'(c, ev, data) {
		opened(c, ev);
		const t = turnOf(c, ev.turn);
		t.step = ev.seq;
		if (data.calls?.length) addStep(c, t, data.calls);
	},

	'tool.result'(c, ev, data) {
		opened(c, ev);
		endCall(c.calls.get(data.call), data.ok ? 'ok' : 'bad', data.ok ? 'done' : 'failed', data.ms || 0, ev.at);
	},

	escalated(c, ev, data) {
		const t = ev.turn ? turnOf(c, ev.turn) : { ended: true };
		if (!(WEIGHT.indexOf(data.kind) > WEIGHT.indexOf(t.escalated))) return;
		t.escalated = data.kind;
		if (data.kind === 'handoff' && c.fresh && c.owner !== 'person') c.owner = 'waiting';
		if (t.ended) addLine(COLLEAGUE[data.kind]);
	},

	'turn.ended'(c, ev) {
		const t = turnOf(c, ev.turn);
		t.ended = true;
		/* A message that came before the last step was answered by this turn too. */
		for (const [id, seq] of c.open) if (!id || id === ev.turn || seq < t.step) c.open.delete(id);
		for (const call of t.card?.calls || []) endCall(call, 'bad', 'cut off', 0, ev.at);
		if (t.escalated) addLine(COLLEAGUE[t.escalated]);
		if (c.fresh) refreshState(c);
	},
};

/* Of several in a turn the weightiest is said, after the answer. */
const WEIGHT = ['review', 'approval', 'handoff'];
const COLLEAGUE = {
	handoff: 'A colleague will take over and answer you here.',
	approval: 'A colleague has to decide on this. You will read the decision here.',
	review: 'A colleague will look this over afterwards.',
};

/* --- Turns */

function turnOf(c, id) {
	if (!c.turns.has(id)) c.turns.set(id, { step: 0 });
	return c.turns.get(id);
}

/* A turn is running: from the customer's message on, or from its first sign of life. */
function opened(c, ev) {
	if (Date.now() - new Date(ev.at) > SILENT_MS || c.owner === 'person') return;
	if (!c.open.has(ev.turn)) c.open.set(ev.turn, ev.seq);
	c.slow = false;
	c.timers.forEach(clearTimeout);
	c.timers = [
		setTimeout(() => {
			c.slow = true;
			showState();
		}, SLOW_MS),
		setTimeout(() => {
			if (!c.open.size) return;
			c.open.clear();
			addLine('No answer yet. Your message has arrived: you can wait, write again, or ask for a person.');
			showState();
		}, SILENT_MS),
	];
}

/* What a turn shows stands together, until the customer wrote something in between. */
function placeIn(c, t, node) {
	if (c.person) addLine('The assistant is back.');
	c.person = null;
	if (!t.section || t.section !== log.lastElementChild) t.section = sectionFor(c, 'ai');
	t.section.append(node);
	return node;
}

function finishReply(c, ev, content) {
	const t = turnOf(c, ev.turn ?? 'event ' + ev.seq);
	const flat = (s) => s.replace(/\s+/g, ' ').trim();
	if (!t.body) {
		t.body = placeIn(c, t, bubble(content));
	} else if (flat(t.text) !== flat(content)) {
		t.body.replaceChildren(el('span', '', content));
	} else if (t.text !== content) {
		/* The same words, other spaces: changed in place, so that they are not read out again. */
		while (t.body.childNodes.length > 1) t.body.lastChild.remove();
		t.body.firstChild.firstChild.data = content;
	}
	t.body.after(clock(ev.at));
	t.body = null;
}

/* --- Look-ups: those of one step run side by side, and are drawn so */

function addStep(c, t, calls) {
	if (!t.card || t.card.parentNode !== log.lastElementChild) {
		t.card = placeIn(c, t, el('details', 'work'));
		Object.assign(t.card, { open: true, ariaLive: 'off', took: 0, calls: [] });
		const summary = el('summary');
		summary.append(el('span', 'what'), el('span', 'took'));
		t.card.append(summary);
	}
	const list = el('ul'), step = { card: t.card, list, calls: [], left: calls.length };
	list.dataset.together = calls.length > 1 ? 'yes' : '';
	for (const { id, name, shown } of calls) {
		const call = { step, row: el('li'), bar: el('i'), took: el('span', 'took'), state: el('span', 'sr', ', running') };
		const label = el('span', 'label', shown || String(name).replaceAll('_', ' ')), track = el('span', 'track');
		label.dir = 'auto';
		track.append(call.bar);
		call.row.append(el('span', 'mark'), label, call.state, track, call.took);
		call.row.dataset.state = 'running';
		list.append(call.row);
		step.calls.push(call);
		t.card.calls.push(call);
		c.calls.set(id, call);
	}
	t.card.append(list);
	titleCard(t.card);
}

function endCall(call, state, words, ms, at) {
	if (!call || call.ended) return;
	Object.assign(call, { ended: true, ms, start: Date.parse(at) - ms });
	call.row.dataset.state = state;
	call.state.textContent = ', ' + words;
	call.took.textContent = duration(ms);
	if (--call.step.left === 0) drawTimes(call.step);
	titleCard(call.step.card);
}

/* Each bar lies where its call lay in time, with the model's time between the steps left out.  The
 * log's clock is no stopwatch: what began within 20 ms began together. */
function drawTimes({ card, list, calls }) {
	const first = Math.min(...calls.map((call) => call.start)), before = card.took;
	for (const call of calls) {
		const late = call.start - first;
		call.from = before + (late > 20 ? late : 0);
		card.took = Math.max(card.took, call.from + call.ms);
	}
	if (Math.max(...calls.map((call) => call.from)) > Math.min(...calls.map((call) => call.from + call.ms)))
		list.dataset.together = '';
	for (const { bar, from, ms } of card.calls.filter((call) => call.ended)) {
		bar.style.insetInlineStart = 96 * from / (card.took || 1) + '%';
		bar.style.width = 4 + 96 * (card.took ? ms / card.took : 1) + '%';
	}
}

function titleCard(card) {
	const running = card.calls.filter((call) => !call.ended).length, n = card.calls.length;
	const [what, took] = card.firstChild.children;
	card.dataset.state = running ? 'running' : 'done';
	what.textContent = running > 1 ? `Doing ${running} things at once` : running ? 'Working on it'
		: n > 1 ? `${n} steps behind this answer` : 'One step behind this answer';
	took.textContent = running ? '' : duration(card.took);
}

function duration(ms) {
	return ms < 1 ? '< 1 ms' : ms < 100 ? Math.round(ms) + ' ms' : (ms / 1000).toFixed(ms < 9950 ? 1 : 0) + ' s';
}

/* --- The timeline */

function sectionFor(c, who) {
	const before = log.lastElementChild;
	if (who !== 'ai' && before?.dataset.who === who) return before; /* goes on speaking */
	const section = el('section', 'said');
	section.dataset.who = who;
	if (who !== 'customer') {
		const head = el('p', 'who');
		head.append(avatar(who, c.person), el('bdi', '', who === 'ai' ? 'Assistant' : c.person),
			who === 'ai' ? el('span', 'badge', 'AI') : el('span', 'role', 'Support team'));
		section.append(head);
	}
	log.append(section);
	return section;
}

function avatar(who, name, node = el('span', 'avatar')) {
	node.textContent = who === 'person' ? [...name.toUpperCase()][0] : '';
	node.dataset.who = who;
	node.ariaHidden = 'true';
	return node;
}

function bubble(content) {
	const node = el('div', 'bubble');
	node.dir = 'auto';
	if (content) node.append(el('span', '', content));
	return node;
}

function addLine(words) {
	const line = el('p', 'line');
	line.dir = 'auto';
	line.append(el('span', '', words));
	log.append(line);
}

function clock(at) {
	const when = new Date(at), today = when.toDateString() === new Date().toDateString();
	const node = el('time', '', when.toLocaleString([], {
		hour: '2-digit', minute: '2-digit', ...(!today && { weekday: 'short', day: 'numeric', month: 'short' }),
	}));
	node.dateTime = at;
	return node;
}

/* --- The customer's own messages */

let outbox = [];

/* {key, content, state: sending | waiting | failed, reason?, again?, seq?, posted?, adopted?}; the
 * last is the event taken for this message while the server's word is still out. */
function keepOutbox() {
	keep(THIS_TAB, 'outbox', outbox.map(({ node, adopted, tries, ...m }) => m));
}

function write(content) {
	const m = { key: newKey(), content, state: 'sending' };
	outbox.push(m);
	keepOutbox();
	stick = true;
	showPending(m);
	pump(now);
	toText();
}

function newKey() {
	return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
}

function ownNode(content) {
	const item = el('div', 'own');
	item.ariaLive = 'off';
	item.append(bubble(content), el('p', 'state'));
	return item;
}

function showPending(m) {
	if (m.adopted) return;
	if (!m.node) m.node = ownNode(m.content);
	if (!m.node.isConnected) $('unsent').append(m.node);
	const state = m.node.lastChild;
	m.node.dataset.state = m.seq ? 'sent' : m.state;
	state.textContent = m.seq ? 'Sent' : m.state === 'sending' ? 'Sending…'
		: m.state === 'waiting' ? m.reason + ' Trying again…' : `Not sent. ${m.reason} `;
	if (m.state === 'failed') {
		const again = el('button', 'link', 'Try again'), edit = el('button', 'link', 'Edit');
		again.onclick = () => {
			resend(m);
			pump(now);
		};
		edit.onclick = () => {
			drop(m);
			intoDraft(m.content);
		};
		state.append(again, ' ', edit);
	}
	showState();
}

function drop(m) {
	outbox = outbox.filter((other) => other !== m);
	if (!m.adopted) m.node?.remove();
	keepOutbox();
	showState();
}

/* One at a time, in the order they were written. */
async function pump(c) {
	if (c.pumping) return;
	c.pumping = true;
	for (let m; c === now && (m = outbox.find((o) => !o.seq && o.state !== 'failed'));) await deliver(c, m);
	c.pumping = false;
}

/* The connection is back: what failed without it is sent now. */
function revive(c) {
	for (const m of outbox) if (m.state === 'failed' && m.again) resend(m);
	wakeAll();
	pump(c);
}

function resend(m) {
	Object.assign(m, { state: 'sending', tries: 0, key: m.again ? m.key : newKey() });
	showPending(m);
}

async function deliver(c, m) {
	try {
		if (!c.id) await create(c);
		if (c !== now) return;
		m.posted = true;
		const answer = await ask(c, '/messages', {
			body: { content: m.content },
			headers: { 'Idempotency-Key': m.key, Prefer: 'respond-async' },
		});
		const { message } = await answer.json();
		if (c === now && outbox.includes(m)) confirmed(c, m, message.seq);
	} catch (e) {
		if (c !== now || !outbox.includes(m)) return;
		if (e.lost && c.known) return lost(c);
		m.tries = (m.tries || 0) + 1;
		m.reason = inWords(e);
		m.again = passing(e);
		if (!m.again && m.adopted) m.adopted = m.node = undefined;
		m.state = m.again && m.tries < TRIES ? 'waiting' : 'failed';
		showPending(m);
		keepOutbox();
		if (m.state === 'waiting') await pause(e.wait || delay(m.tries));
	}
}

function confirmed(c, m, seq) {
	if (m.adopted && m.adopted !== seq) m.adopted = m.node = undefined; /* that was another tab's */
	m.seq = seq;
	if (c.said.has(seq)) return drop(m);
	keepOutbox();
	showPending(m);
}

/* From this page if the server said so, or if a message with these words was posted and has no
 * answer yet. */
function customerSaid(c, ev, data) {
	const same = (m) => m.posted && !m.seq && !m.adopted && (data.masked || m.content === data.content);
	const m = outbox.find((o) => o.seq === ev.seq) || (c.fresh && outbox.find(same));
	c.said.add(ev.seq);
	const node = m?.node || ownNode(data.content);
	sectionFor(c, 'customer').append(node);
	node.dataset.state = 'logged';
	node.firstChild.textContent = data.content;
	node.lastChild.replaceChildren(clock(ev.at), el('span', 'tick'), el('span', 'sr', ' delivered'));
	if (data.masked) node.append(el('p', 'masked', 'We hid the card number before storing your message, so that nobody can misuse it.'));
	if (m) {
		m.adopted = ev.seq;
		if (m.seq) drop(m);
	}
	opened(c, ev);
}

/* --- Header, typing, composer: always drawn from the state, never patched */

function showState() {
	const c = now, busy = c.open.size > 0, person = c.owner === 'person' && c.person;
	const working = log.querySelector('.work[data-state=running]');
	$('speaker-name').textContent = person || 'Assistant';
	avatar(person ? 'person' : 'ai', person, $('speaker-avatar'));
	$('speaker-badge').hidden = person;
	$('speaker-state').textContent = person ? 'From our support team'
		: c.owner === 'person' ? 'A colleague is joining'
		: c.owner === 'waiting' ? 'A colleague has been asked to join'
		: c.owner === 'resolved' ? 'Solved. Write to go on'
		: working ? 'Looking things up' : busy ? 'Writing' : 'Answers at once';

	const empty = !log.childElementCount && !outbox.length && !c.id;
	$('welcome').hidden = !empty;
	$('anew').hidden = empty;
	$('typing').hidden = !busy || working;
	$('typing-text').textContent = c.slow ? 'This takes a little longer than usual' : '';
	tell('status', busy ? 'The assistant is working on it.' : '');
	showComposer();
}

/* A screen reader listens there: once. */
function tell(place, words) {
	if ($(place).textContent !== words) $(place).textContent = words;
}

function showComposer() {
	const content = text.value.trim();
	const left = MESSAGE_MAX - (content.length < MESSAGE_MAX - 1000 ? 0 : [...content].length);
	tell('counter', left >= 1000 ? '' : left < 0 ? `Characters too many: ${-left}` : `Characters left: ${left}`);
	text.ariaInvalid = left < 0;
	$('send').disabled = !content || left < 0;
	$('person').disabled = outbox.some((m) => m.content === PERSON_WISH && m.state !== 'failed');
}

function setDraft(content) {
	text.value = content;
	draftChanged();
}

function intoDraft(...messages) {
	setDraft([...messages, text.value].filter(Boolean).join('\n\n'));
	toText();
}

function draftChanged() {
	keep(THIS_TAB, 'draft', text.value || null);
	text.style.height = 'auto';
	text.style.height = text.scrollHeight + 'px';
	showComposer();
}

function submit() {
	if ($('send').disabled) return;
	write(text.value.trim());
	setDraft('');
}

/* --- Scrolling: follows the end, unless the customer has gone up to read */

let stick = true, lastTop = 0, unread = 0;

function toEnd() {
	stick = true;
	scroller.scrollTop = scroller.scrollHeight;
	$('latest').hidden = true;
}

scroller.addEventListener('scroll', () => {
	const { scrollHeight, scrollTop, clientHeight } = scroller;
	if (scrollHeight - scrollTop - clientHeight < 60) stick = $('latest').hidden = true;
	else if (scrollTop < lastTop) stick = false; /* gone up, not left behind by what was added */
	lastTop = scrollTop;
});

const grown = new ResizeObserver(() => {
	if (stick) toEnd();
	else $('latest').hidden = false;
});
for (const node of [log, $('unsent'), $('typing'), scroller]) grown.observe(node);

/* --- The demo's customers */

const demoKnown = (async () => {
	for (let failures = 0; ; failures++) {
		try {
			const { items } = await (await request('/demo')).json();
			for (const { id, name, tier } of items)
				$('customer').append(new Option(tier ? `${name}, ${tier}` : name, id));
			$('customer').append(new Option('Nobody (a guest)', ''));
			$('customer').value = recall(ALL_TABS, 'conversation')?.customer ?? recall(ALL_TABS, 'customer') ?? items[0].id;
			$('chooser').hidden = false;
			return greet();
		} catch (e) {
			if (!passing(e)) return; /* no demo */
			await pause(delay(failures));
		}
	}
})();

function greet() {
	const name = $('customer').value && $('customer').selectedOptions[0].text.split(/[ ,]/)[0];
	$('welcome-name').textContent = name ? ' ' + name : '';
}

/* --- What the customer does */

$('composer').addEventListener('submit', (e) => {
	e.preventDefault();
	submit();
});
text.addEventListener('input', draftChanged);
text.addEventListener('keydown', (e) => {
	/* Enter that picks a word of an input method sends nothing. */
	if (e.key !== 'Enter' || e.shiftKey || e.isComposing || e.keyCode === 229) return;
	e.preventDefault();
	submit();
});
function toLatest() {
	toEnd();
	toText();
}

document.addEventListener('keydown', (e) => {
	if (e.key === 'Escape' && !$('sure').open) toLatest();
});
$('person').addEventListener('click', () => write(PERSON_WISH));
$('suggestions').addEventListener('click', (e) => {
	if (e.target.localName !== 'button') return;
	write(e.target.textContent);
});
$('latest').addEventListener('click', toLatest);
$('anew').addEventListener('click', () => {
	$('sure').returnValue = '';
	$('sure').showModal();
});
$('sure').addEventListener('close', () => $('sure').returnValue === 'yes' && startAnew());
$('customer').addEventListener('change', () => {
	keep(ALL_TABS, 'customer', $('customer').value);
	greet();
	if (now.id || outbox.length) startAnew();
});

window.addEventListener('online', () => {
	now.cut?.abort();
	wakeAll();
});
document.addEventListener('visibilitychange', () => {
	if (document.hidden) return;
	unread = 0;
	document.title = 'Customer support';
	wakeAll();
});
/* Another tab began a new conversation: this one goes along. */
window.addEventListener('storage', (e) => {
	if (e.key !== 'frontdesk.conversation') return;
	const talk = recall(ALL_TABS, 'conversation');
	if (talk?.id === now.id) return;
	$('customer').value = talk?.customer ?? recall(ALL_TABS, 'customer') ?? $('customer').value;
	greet();
	change(talk);
});

outbox = (recall(THIS_TAB, 'outbox') || []).filter((m) => !m.seq);
for (const m of outbox) if (m.state === 'waiting') m.state = 'sending';
begin(recall(ALL_TABS, 'conversation'));
outbox.forEach(showPending);
setDraft(recall(THIS_TAB, 'draft') || '');
toText();
pump(now);
