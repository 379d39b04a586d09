/* The chat page in a real browser.  Most tests ask the real server; those that need what a server
 * does only on a bad day (a lost answer, a refusal, a person who answers) put words into its mouth
 * for that page alone.  Screenshots go to build/screens/. */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { Server, until } from './server.mjs';

const HEADLINE = 'Can you refund my purchase and cancel my account?';
const HANDOFF = 'A colleague will take over';
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const screens = 'build/screens';
fs.mkdirSync(screens, { recursive: true });

const server = await Server.make();
let browser;
const tests = [];
const test = (name, run) => tests.push({ name, run });

/* --- What the tests do to a page */

class Chat {
	/* A page in a browser profile of its own. */
	static async open(options = {}, prepare) {
		const context = await browser.newContext({ viewport: { width: 1100, height: 820 }, ...options });
		context.setDefaultTimeout(15000);
		const chat = new Chat(context);
		if (prepare) await prepare(chat);
		await chat.tab();
		return chat;
	}

	constructor(context) {
		this.context = context;
		this.faults = [];
	}

	async tab() {
		const page = this.page = await this.context.newPage();
		page.on('pageerror', (e) => this.faults.push('error: ' + e));
		page.on('dialog', (d) => this.faults.push('dialog: ' + d.message()) && d.dismiss());
		page.on('console', (m) => {
			if (/Content.Security.Policy/i.test(m.text())) this.faults.push(m.text());
		});
		await page.goto(server.url);
		return page;
	}

	async close() {
		assert.deepEqual(this.faults, []);
		await this.context.close();
	}

	async as(customer) {
		await this.page.locator('#chooser').waitFor();
		await this.page.selectOption('#customer', customer);
	}

	async send(words) {
		await this.page.fill('#text', words);
		await this.page.press('#text', 'Enter');
	}

	/* The whole answer to the message that was sent last. */
	async answered(n = 1) {
		await this.page.waitForFunction((count) =>
			document.querySelectorAll('.said[data-who=ai] > time').length >= count
			&& document.querySelector('#typing').hidden && !document.querySelector('.work[data-state=running]'), n);
		return this.page.locator('.said[data-who=ai] > .bubble').last().innerText();
	}

	async ask(words, n = 1) {
		await this.send(words);
		return this.answered(n);
	}

	shot(name) {
		return this.page.screenshot({ path: `${screens}/${name}.png` });
	}

	log() {
		return this.page.locator('#log').innerText();
	}

	lines() {
		return this.page.locator('.line').allInnerTexts();
	}

	/* What the server has stored of what the customer wrote. */
	async stored() {
		const { id, token } = await this.page.evaluate(() => JSON.parse(localStorage['frontdesk.conversation']));
		const answer = await fetch(`${server.url}/v1/conversations/${id}/messages`,
			{ headers: { Authorization: `Bearer ${token}` } });
		assert.equal(answer.status, 200);
		return (await answer.json()).items.filter((m) => m.role === 'customer').map((m) => m.content);
	}

	async accessible(what) {
		await this.page.evaluate(axe);
		const { violations } = await this.page.evaluate(() => window.axe.run());
		const found = violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html} ${n.failureSummary}`));
		assert.deepEqual(found, [], what);
	}
}

async function withChat(options, run) {
	const chat = await Chat.open(options);
	try {
		await run(chat);
		await chat.close();
	} catch (e) {
		await chat.shot('failed').catch(() => {});
		throw e;
	}
}

/* A conversation whose events the test invents.  Its server is a bad one: it ends each stream at
 * once, and then sends everything again. */
async function withEvents(events, state, run, options) {
	const at = new Date().toISOString();
	const body = events.map((e, i) => {
		const line = { seq: i + 1, turn: 'turn-1', at, ...e };
		return `id: ${line.seq}\nevent: ${line.kind}\ndata: ${JSON.stringify(line)}\n\n`;
	}).join('');
	const asked = [];
	const prepare = async ({ context }) => {
		await context.addInitScript(() => {
			localStorage['frontdesk.conversation'] = JSON.stringify({ id: 'invented', token: 'x' });
		});
		await context.route('**/v1/conversations/invented', (route) => route.fulfill({ json: state }));
		await context.route('**/v1/conversations/invented/events*', (route) => {
			asked.push(new URL(route.request().url()).searchParams.get('after'));
			return route.fulfill({ contentType: 'text/event-stream', body });
		});
	};
	const chat = await Chat.open(options, prepare);
	await run(chat, asked);
	await chat.close();
}

const message = (role, content, more) => ({ kind: 'message', data: { role, content, ...more } });

/* --- The shop's answers */

test('demo-1 gets the refund, is asked before cancelling, and a yes cancels', () => withChat({}, async (chat) => {
	await chat.as('demo-1');
	await chat.shot('chat-empty');
	await chat.page.getByRole('button', { name: HEADLINE }).click();
	await chat.page.locator('.work ul').first().waitFor();
	await chat.shot('chat-looking');
	const reply = await chat.answered();
	assert.match(reply, /refunded/i);
	assert.match(reply, /\d+\.\d\d/, 'names the amount');
	assert.match(reply, /cancel/i);
	assert.match(reply, /\?/, 'asks for the yes');
	await chat.page.locator('.line', { hasText: 'look this over' }).waitFor();
	await chat.shot('chat-demo-1');
	const done = await chat.ask('yes', 2);
	assert.match(done, /cancel(l)?ed/i);
	await chat.shot('chat-demo-1-yes');
}));

test('demo-2 gets no refund, and a colleague takes over', () => withChat({}, async (chat) => {
	await chat.as('demo-2');
	const reply = await chat.ask(HEADLINE);
	assert.doesNotMatch(reply, /(have|has been|been|was) refunded/i);
	await chat.page.locator('.line', { hasText: HANDOFF }).waitFor();
	await chat.page.locator('#speaker-state', { hasText: 'colleague' }).waitFor();
	assert.equal((await chat.lines()).length, 1, 'one word about colleagues, not two');
	await chat.shot('chat-demo-2');
}));

test('demo-3 reads that a refund is not possible, and why', () => withChat({}, async (chat) => {
	await chat.as('demo-3');
	const reply = await chat.ask(HEADLINE);
	assert.doesNotMatch(reply, /(have|has been|been|was) refunded/i);
	assert.match(reply, /not|cannot|can't/i);
	assert.match(reply, /days/i, 'names the window');
	await chat.shot('chat-demo-3');
}));

test('demo-4 is asked which order is meant', () => withChat({}, async (chat) => {
	await chat.as('demo-4');
	const reply = await chat.ask(HEADLINE);
	assert.match(reply, /which[^.!]*\?/i);
	assert.doesNotMatch(reply, /(have|has been|been|was) refunded/i);
	await chat.shot('chat-demo-4');
}));

test('look-ups are shown side by side, in words, with their times', () => withChat({}, async (chat) => {
	await chat.as('demo-4');
	await chat.ask(HEADLINE);
	const step = chat.page.locator('.work ul').first();
	assert.equal(await step.getAttribute('data-together'), 'yes');
	const rows = await step.locator('li').evaluateAll((list) => list.map((row) => ({
		state: row.dataset.state,
		label: row.querySelector('.label').textContent,
		took: row.querySelector('.took').textContent,
	})));
	assert.ok(rows.length >= 3, 'three look-ups in the first step');
	for (const row of rows) {
		assert.equal(row.state, 'ok');
		assert.match(row.label, /^[A-Z][^_]+$/, 'plain words, no name of a tool');
		assert.match(row.took, /^(< )?\d+(\.\d)? m?s$/);
	}
	const card = await chat.page.locator('.work summary .took').first().innerText();
	assert.match(card, /^(< )?\d+(\.\d)? m?s$/);
}));

test('"Talk to a person" asks nothing and brings one handoff line', () => withChat({}, async (chat) => {
	await chat.page.getByRole('button', { name: 'Talk to a person' }).click();
	await chat.answered();
	await chat.page.locator('.line', { hasText: HANDOFF }).waitFor();
	assert.equal((await chat.lines()).filter((line) => line.includes(HANDOFF)).length, 1);
	assert.deepEqual(await chat.stored(), ['I would like to talk to a person.']);
	assert.equal(await chat.page.getByRole('button', { name: 'Talk to a person' }).isEnabled(), true);
	await chat.shot('chat-person');
}));

/* --- Nothing is lost, nothing comes twice */

test('a reload keeps the conversation, the draft and the customer', () => withChat({}, async (chat) => {
	await chat.as('demo-4');
	await chat.ask(HEADLINE);
	await chat.page.fill('#text', 'a thought\nnot yet sent');
	const before = await chat.log();
	await chat.page.reload();
	await chat.page.waitForFunction((text) => document.querySelector('#log').innerText === text, before);
	assert.equal(await chat.page.inputValue('#text'), 'a thought\nnot yet sent');
	await chat.page.locator('#chooser').waitFor();
	assert.equal(await chat.page.inputValue('#customer'), 'demo-4');
	assert.equal(await chat.page.getAttribute('#log', 'aria-live'), 'off', 'old messages are not read out again');
	await chat.ask('thank you', 2);
	assert.equal(await chat.page.getAttribute('#log', 'aria-live'), 'polite');
}));

test('a reload in the middle of a turn ends with one message and one answer', () => withChat({}, async (chat) => {
	await chat.as('demo-1');
	await chat.send(HEADLINE);
	await chat.page.locator('.own[data-state=logged]').waitFor();
	await chat.page.reload();
	await chat.answered();
	assert.equal(await chat.page.locator('.own').count(), 1);
	assert.equal(await chat.page.locator('.said[data-who=ai] > .bubble').count(), 1);
	assert.deepEqual(await chat.stored(), [HEADLINE]);
}));

test('an answer that was lost on its way does not double the message', () => withChat({}, async (chat) => {
	const keys = [];
	await chat.page.route('**/messages', async (route) => {
		keys.push(route.request().headers()['idempotency-key']);
		if (keys.length > 1) return route.continue();
		await route.fetch();
		await chat.page.locator('.own[data-state=logged]').waitFor();
		assert.equal(await chat.page.locator('.own').count(), 1, 'known by its words');
		return route.abort('connectionreset');
	});
	await chat.ask('Where is my order?');
	await until('the message was sent again', () => keys.length === 2);
	await chat.page.waitForFunction(() => !JSON.parse(sessionStorage['frontdesk.outbox']).length);
	assert.equal(keys[0], keys[1]);
	assert.deepEqual(await chat.stored(), ['Where is my order?']);
	assert.equal(await chat.page.locator('.own').count(), 1);
}));

test('a message that is refused says why, and can be edited or sent again', () => withChat({}, async (chat) => {
	const refusal = { status: 422, json: { error: { code: 'bad_field', message: 'Not like this.', field: 'content' } } };
	await chat.page.route('**/messages', (route) => route.fulfill(refusal), { times: 2 });
	await chat.send('Where is my order?');
	const own = chat.page.locator('.own[data-state=failed]');
	await own.getByText('Not sent. Not like this.').waitFor();
	await chat.shot('chat-refused');
	await own.getByRole('button', { name: 'Edit' }).click();
	assert.equal(await chat.page.inputValue('#text'), 'Where is my order?');
	assert.equal(await chat.page.locator('.own').count(), 0);
	await chat.page.press('#text', 'Enter');
	await own.getByRole('button', { name: 'Try again' }).click();
	await chat.answered();
	assert.deepEqual(await chat.stored(), ['Where is my order?']);
}));

test('a server that is killed and comes back is found again, and the message arrives once', () => withChat({}, async (chat) => {
	await chat.ask('Where is my order?');
	const before = await chat.log();
	await server.stop('SIGKILL');
	await chat.page.locator('#connection[data-state=lost]').waitFor();
	await chat.send('Are you still there?');
	await chat.page.locator('.own[data-state=waiting]').waitFor();
	await chat.shot('chat-lost');
	await server.start();
	await chat.answered(2);
	await chat.page.locator('#connection[data-state=lost]').waitFor({ state: 'detached' });
	assert.ok((await chat.log()).startsWith(before));
	assert.equal(await chat.page.locator('.own').count(), 2);
	assert.deepEqual(await chat.stored(), ['Where is my order?', 'Are you still there?']);
}));

test('a reload while the server is away keeps the unsent message', () => withChat({}, async (chat) => {
	await chat.ask('Where is my order?');
	await chat.page.route('**/messages', (route) => route.abort());
	await chat.send('One more thing');
	await chat.page.locator('.own[data-state=waiting]').waitFor();
	await chat.page.unroute('**/messages');
	await chat.page.reload();
	await chat.answered(2);
	assert.deepEqual(await chat.stored(), ['Where is my order?', 'One more thing']);
	assert.equal(await chat.page.locator('.own').count(), 2);
}));

test('a conversation that is gone is said so, and what was written goes into a new one', () => withChat({}, async (chat) => {
	await chat.page.evaluate(() => {
		localStorage['frontdesk.conversation'] = JSON.stringify({ id: 'gone', token: 'gone' });
	});
	await chat.page.reload();
	await chat.page.locator('.line', { hasText: 'no longer available' }).waitFor();
	await chat.ask('Where is my order?');
	assert.deepEqual(await chat.stored(), ['Where is my order?']);
}));

test('two tabs show the same conversation, and follow into a new one', () => withChat({}, async (chat) => {
	await chat.ask('Where is my order?');
	const first = chat.page, text = await chat.log();
	const second = await chat.tab();
	await second.waitForFunction((t) => document.querySelector('#log').innerText === t, text);
	await chat.ask('thank you', 2);
	await first.waitForFunction((t) => document.querySelector('#log').innerText === t, await chat.log());
	await second.getByRole('button', { name: 'Start a new conversation' }).click();
	await second.getByRole('button', { name: 'Start a new one' }).click();
	for (const page of [first, second]) await page.locator('#welcome').waitFor();
	await first.fill('#text', 'Where is my order?');
	await first.press('#text', 'Enter');
	await second.locator('.said[data-who=ai] > time').waitFor();
	assert.deepEqual(await chat.stored(), ['Where is my order?']);
}));

test('another demo customer starts another conversation', () => withChat({}, async (chat) => {
	await chat.as('demo-1');
	await chat.ask('Where is my order?');
	await chat.as('demo-3');
	await chat.page.locator('#welcome').waitFor();
	assert.equal(await chat.log(), '');
	await chat.ask(HEADLINE);
	assert.deepEqual(await chat.stored(), [HEADLINE]);
}));

/* --- What strangers write stays text */

const NAUGHTY = [
	'<img src=x onerror="alert(1)">', '</script><script>alert(1)</script>', '<b>bold</b> &amp; &lt;',
	'javascript:alert(1)', '{{7*7}} ${7*7}', 'T̷̗̿o̵̲͐o̸͙͗ ̶̼̌m̵͙̈u̷̘͑c̶̦͛h̴̢͛', 'ab\u202Egnp.exe', 'מה מצב ההזמנה שלי?', '👩‍👩‍👧‍👦 ',
	'W'.repeat(400), 'one\ntwo\n\n- three\n- four',
].map((s) => s.trim());

test('hostile messages are shown as the text they are', () => withChat({}, async (chat) => {
	for (const [i, words] of NAUGHTY.entries()) {
		await chat.ask(words, i + 1);
		assert.equal(await chat.page.locator('.own .bubble').last().evaluate((b) => b.textContent), words);
	}
	assert.deepEqual(await chat.stored(), NAUGHTY);
	await chat.shot('chat-hostile');
	const { wide, below } = await chat.page.evaluate(() => {
		const main = document.querySelector('main');
		return { wide: main.scrollWidth - main.clientWidth, below: main.scrollHeight - main.scrollTop - main.clientHeight };
	});
	assert.equal(wide, 0);
	assert.ok(below < 60, 'the page follows the end, whatever the size of what is added');
}));

test('the big list of naughty strings is text in every place', async () => {
	const list = '../shared/data/hostile/strings/blns.json';
	if (!fs.existsSync(list)) return `${list} is absent`;
	const strings = JSON.parse(fs.readFileSync(list)).filter(Boolean);
	const events = strings.flatMap((s, i) => [
		message('customer', s), message('ai', s, {}), message('person', s, { author: s }), message('system', s),
		{ kind: 'model.step', data: { n: 1, calls: [{ id: 'c' + i, name: 'x', shown: s }] } },
	]);
	await withEvents(events.map((e, i) => ({ ...e, turn: 'turn-' + i })), { owner: 'ai' }, async ({ page }) => {
		await page.waitForFunction((n) => document.querySelectorAll('.work').length === n, strings.length);
		const texts = (selector) => page.locator(selector).evaluateAll((all) => all.map((node) => node.textContent));
		assert.deepEqual(await texts('.own .bubble'), strings);
		assert.deepEqual(await texts('.said[data-who=ai] > .bubble'), strings);
		assert.deepEqual(await texts('.said[data-who=person] > .bubble'), strings);
		assert.deepEqual(await texts('.work .label'), strings);
		const names = await page.locator('#log').evaluate((log) =>
			[...new Set([...log.querySelectorAll('*')].map((node) => node.localName))].sort());
		assert.deepEqual(names, ['bdi', 'details', 'div', 'i', 'li', 'p', 'section', 'span', 'summary', 'time', 'ul']);
	});
});

test('events are read however the stream is cut', async () => {
	const file = '../shared/data/hostile/own/sse_cases.json';
	const cases = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file)) : [];
	const lines = 'data: a\r\ndata: é\r\n\r\n:\r\n\r\nevent: x\r\ndata:b\r\n\r\ndata: never ended\r\n';
	cases.push({ name: 'CRLF', stream_hex: Buffer.from(lines).toString('hex'), events: [{ data: 'a\né' }, { data: 'b' }] });
	await withChat({}, async ({ page }) => {
		const wrong = await page.evaluate((list) => {
			const read = (bytes, size) => {
				const found = [], parse = eventParser((data) => found.push(data)), utf8 = new TextDecoder();
				for (let i = 0; i < bytes.length; i += size) parse(utf8.decode(bytes.subarray(i, i + size), { stream: true }));
				return found;
			};
			return list.flatMap(({ name, stream_hex: hex, events }) => {
				const bytes = new Uint8Array(hex.length / 2).map((_, i) => parseInt(hex.substr(2 * i, 2), 16));
				const want = JSON.stringify(events.map((e) => e.data));
				const sizes = bytes.length > 10000 ? [bytes.length, 4096, 1021] : [bytes.length, 1, 2, 3, 5, 7];
				return sizes.filter((size) => JSON.stringify(read(bytes, size)) !== want).map((size) => `${name} by ${size}`);
			});
		}, cases);
		assert.deepEqual(wrong, []);
	});
	if (cases.length === 1) return `all but one case: ${file} is absent`;
});

/* --- Each kind of event */

test('parts become the reply, steps that fail are marked, and unknown kinds are passed over', () => withEvents([
	{ kind: 'conversation.created', data: {} },
	message('customer', 'My card is 4*** **** **** 1111', { masked: true }),
	{ kind: 'tea.brewed', data: { cups: 2 } },
	{ kind: 'model.step', data: { n: 1, calls: [
		{ id: 'a', name: 'lookup_order', shown: 'Looking at your orders' },
		{ id: 'b', name: 'lookup_account', shown: 'Looking at your account' }] } },
	{ kind: 'tool.result', data: { call: 'b', name: 'lookup_account', ok: false, ms: 1200 } },
	{ kind: 'tool.result', data: { call: 'a', name: 'lookup_order', ok: true, ms: 300 } },
	{ kind: 'reply.part', data: { content: 'First.' } },
	{ kind: 'reply.part', data: { content: 'Second.' } },
	message('ai', 'First. Second.\nThird.'),
	{ kind: 'escalated', data: { kind: 'approval' } },
	{ kind: 'turn.ended', data: { outcome: 'answered' } },
], { owner: 'ai' }, async (chat) => {
	assert.equal(await chat.answered(), 'First. Second.\nThird.');
	assert.equal(await chat.page.locator('.bubble').count(), 2);
	assert.match(await chat.page.locator('.masked').innerText(), /card number/);
	assert.deepEqual(await chat.page.locator('.work li').evaluateAll((all) => all.map((row) => row.dataset.state)), ['ok', 'bad']);
	await chat.page.locator('.line', { hasText: 'has to decide' }).waitFor();
	await chat.shot('chat-events');
}));

test('the page asks for what is new only, and shows nothing twice that it is sent twice', () => withEvents([
	message('customer', 'Hello'),
	message('ai', 'Hello!'),
	{ kind: 'escalated', data: { kind: 'review' } },
	{ kind: 'turn.ended', data: { outcome: 'answered' } },
], { owner: 'ai' }, async (chat, asked) => {
	await chat.answered();
	await until('it has reconnected twice', () => asked.length > 3);
	assert.deepEqual(asked.slice(0, 3), ['0', '4', '4']);
	assert.equal(await chat.page.locator('.bubble').count(), 2);
	assert.equal((await chat.lines()).length, 1);
}));

test('a turn that goes on shows its parts and that it runs; its end takes the sign away', () => withEvents([
	message('customer', 'Hello'),
	{ kind: 'reply.part', data: { content: 'One moment,' } },
	{ kind: 'reply.part', data: { content: 'please.' } },
], { owner: 'ai' }, async (chat) => {
	await chat.page.locator('.bubble', { hasText: 'One moment, please.' }).waitFor();
	assert.equal(await chat.page.locator('#typing').isVisible(), true);
}));

test('a person speaks under their own name', () => withEvents([
	message('customer', 'Hello?'),
	{ kind: 'escalated', data: { kind: 'review' } },
	{ kind: 'escalated', data: { kind: 'handoff' } },
	{ kind: 'escalated', data: { kind: 'approval' } },
	message('ai', 'I have asked a colleague.'),
	{ kind: 'turn.ended', data: { outcome: 'escalated' } },
	{ ...message('customer', 'Are you there?'), turn: 'turn-2' },
	{ ...message('person', 'Hello, Hannah here. I have your order in front of me.', { author: 'Hannah Vogel' }), turn: null },
	{ ...message('customer', 'Great!'), turn: null },
], { owner: 'person' }, async (chat) => {
	await chat.page.locator('#speaker-name', { hasText: 'Hannah Vogel' }).waitFor();
	await chat.page.locator('.own', { hasText: 'Great!' }).waitFor();
	assert.equal(await chat.page.locator('#speaker-badge').isVisible(), false);
	assert.deepEqual(await chat.lines(), ['A colleague will take over and answer you here.', 'Hannah Vogel has joined the conversation.']);
	assert.equal(await chat.page.locator('#typing').isVisible(), false, 'nobody pretends that the AI will answer');
	await chat.accessible('with a person');
	await chat.shot('chat-with-person');
}));

/* --- Everybody can use it */

test('the keyboard does it all', () => withChat({}, async ({ page }) => {
	await page.locator('#chooser').waitFor();
	const focused = () => page.evaluate(() => document.activeElement.id);
	assert.equal(await focused(), 'text');
	await page.keyboard.type('one');
	await page.keyboard.press('Shift+Enter');
	await page.keyboard.type('two');
	assert.equal(await page.inputValue('#text'), 'one\ntwo');
	assert.equal(await page.locator('.own').count(), 0);
	await page.keyboard.press('Enter');
	await page.locator('.said[data-who=ai] > time').waitFor();
	assert.equal(await page.inputValue('#text'), '');
	const order = [];
	for (await page.locator('#customer').focus(); order.length < 5; await page.keyboard.press('Tab'))
		order.push(await focused());
	assert.deepEqual(order, ['customer', 'anew', 'scroller', 'text', 'person']);
	await page.keyboard.press('Escape');
	assert.equal(await focused(), 'text');
	await page.locator('#anew').focus();
	await page.keyboard.press('Enter');
	await page.locator('#sure').waitFor();
	await page.keyboard.press('Escape');
	await page.locator('#sure').waitFor({ state: 'hidden' });
	assert.equal(await focused(), 'anew');
	assert.equal(await page.locator('.own').count(), 1, 'Escape keeps the conversation');
}));

test('axe finds nothing, light and dark, empty and full, and in the dialog', async () => {
	for (const colorScheme of ['light', 'dark']) {
		await withChat({ colorScheme, reducedMotion: 'reduce' }, async (chat) => {
			await chat.as('demo-1');
			await chat.accessible(`${colorScheme}, empty`);
			await chat.shot(`chat-${colorScheme}-empty`);
			await chat.ask(HEADLINE);
			await chat.accessible(`${colorScheme}, full`);
			await chat.shot(`chat-${colorScheme}`);
			await chat.page.locator('#anew').click();
			await chat.accessible(`${colorScheme}, dialog`);
			await chat.shot(`chat-${colorScheme}-dialog`);
		});
	}
});

test('a phone, 200 % zoom and 320 pixels show everything without sideways scrolling', async () => {
	const phone = { viewport: { width: 375, height: 720 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
	const sizes = { phone, zoomed: { viewport: { width: 640, height: 400 } }, narrow: { viewport: { width: 320, height: 560 } } };
	for (const [name, options] of Object.entries(sizes)) {
		await withChat(options, async (chat) => {
			await chat.as('demo-1');
			await chat.shot(`chat-${name}-empty`);
			await chat.ask(HEADLINE);
			await chat.shot(`chat-${name}`);
			const { badge, wide, person } = await chat.page.evaluate(() => ({
				badge: document.querySelector('#speaker-badge').getBoundingClientRect().right
					- document.querySelector('h1').getBoundingClientRect().right,
				wide: [document.documentElement, document.querySelector('main')].some((n) => n.scrollWidth > n.clientWidth),
				person: document.querySelector('#person').getBoundingClientRect(),
			}));
			assert.equal(wide, false, name);
			assert.ok(badge <= 0, `${name}: the AI badge is in sight`);
			assert.ok(person.bottom <= options.viewport.height, `${name}: "Talk to a person" is in sight`);
		});
	}
});

test('right-to-left messages stand from the right', () => withChat({}, async ({ page }) => {
	await page.fill('#text', 'مرحبا، أين طلبي؟');
	await page.press('#text', 'Enter');
	const direction = await page.locator('.own .bubble').evaluate((b) => getComputedStyle(b).direction);
	assert.equal(direction, 'rtl');
}));

test('reduced motion means none', () => withChat({ reducedMotion: 'reduce' }, async (chat) => {
	await chat.send(HEADLINE);
	await chat.page.locator('.own[data-state=logged]').waitFor();
	assert.equal(await chat.page.evaluate(() => document.getAnimations().length), 0);
}));

test('a message that is too long is not sent, and the page counts', () => withChat({}, async ({ page }) => {
	await page.fill('#text', 'é'.repeat(19500));
	await page.getByText('Characters left: 500').waitFor();
	await page.fill('#text', '😀'.repeat(20001));
	await page.getByText('Characters too many: 1').waitFor();
	await page.press('#text', 'Enter');
	assert.equal(await page.locator('.own').count(), 0);
	assert.equal(await page.locator('#send').isDisabled(), true);
	await page.fill('#text', '😀'.repeat(20000));
	assert.equal(await page.locator('#send').isEnabled(), true);
}));

test('who has scrolled up to read is not torn away', () => withChat({ viewport: { width: 800, height: 420 } }, async ({ page, ...chat }) => {
	const ask = async (words, n) => {
		await page.fill('#text', words);
		await page.press('#text', 'Enter');
		await page.waitForFunction((count) => document.querySelectorAll('.said[data-who=ai] > time').length === count, n);
	};
	for (let n = 1; n <= 4; n++) await ask('Hello number ' + n, n);
	const top = () => page.evaluate(() => document.querySelector('main').scrollTop);
	assert.ok(await page.evaluate(() => {
		const main = document.querySelector('main');
		return main.scrollHeight - main.scrollTop - main.clientHeight < 60;
	}), 'it follows the end');
	await page.evaluate(() => document.querySelector('main').scrollTo(0, 0));
	await page.evaluate(async () => {
		const { id, token } = JSON.parse(localStorage['frontdesk.conversation']);
		await fetch(`/v1/conversations/${id}/messages`, {
			method: 'POST', body: JSON.stringify({ content: 'Written elsewhere' }),
			headers: { 'Authorization': 'Bearer ' + token, 'Content-Type': 'application/json', 'Prefer': 'respond-async' },
		});
	});
	await page.locator('#latest').waitFor();
	assert.equal(await top(), 0);
	await page.locator('#latest').click();
	await page.locator('#latest').waitFor({ state: 'hidden' });
	assert.ok(await top() > 0);
	const below = await page.evaluate(async () => {
		const main = document.querySelector('main'), tall = document.createElement('pre');
		const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
		tall.textContent = '\n'.repeat(40);
		main.scrollTop -= 10;
		for (let i = 0; i < 3; i++) await drawn();
		main.scrollTop += 10; /* its event comes when the page has grown already */
		document.querySelector('#log').append(tall);
		for (let i = 0; i < 3; i++) await drawn();
		return main.scrollHeight - main.scrollTop - main.clientHeight;
	});
	assert.ok(below < 60, 'what is added while it scrolls does not leave it behind');
}));

/* --- The page itself */

test('without a demo there is no chooser, and the customer is a guest', async () => {
	const none = { status: 404, json: { error: { code: 'not_found', message: 'No.' } } };
	const chat = await Chat.open({}, ({ context }) => context.route('**/v1/demo', (route) => route.fulfill(none)));
	const created = chat.page.waitForRequest((r) => r.method() === 'POST' && r.url().endsWith('/v1/conversations'));
	await chat.send('Where is my order?');
	assert.deepEqual((await created).postDataJSON(), {});
	await chat.answered();
	assert.equal(await chat.page.locator('#chooser').isVisible(), false);
	await chat.close();
});

test('the page is under 40 KB and takes everything from its own server', async () => {
	let bytes = 0;
	for (const [path, type] of [['/', 'text/html'], ['/chat.css', 'text/css'], ['/chat.js', 'text/javascript']]) {
		const answer = await fetch(server.url + path);
		assert.equal(answer.status, 200, path);
		assert.ok(answer.headers.get('Content-Type').startsWith(type), path);
		if (path === '/') assert.match(answer.headers.get('Content-Security-Policy'), /default-src 'self'/);
		bytes += (await answer.arrayBuffer()).byteLength;
	}
	assert.ok(bytes < 40 * 1024, `${bytes} bytes`);
});

/* --- Running them */

const only = process.argv[2];
let passed = 0, skipped = 0, failed = 0;
try {
	await server.start();
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
		args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
			'--disable-background-networking', '--disable-component-update', '--disable-sync'],
	});
	for (const { name, run } of tests.filter((t) => !only || t.name.includes(only))) {
		const begun = Date.now();
		try {
			const why = await run();
			if (why) console.log(`skipped: ${name}: ${why}`);
			else console.log(`ok    ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
			why ? skipped++ : passed++;
		} catch (e) {
			failed++;
			console.log(`FAIL  ${name}\n${e.stack}\n`);
		}
	}
} catch (e) {
	failed++;
	console.log(`The test could not run: ${e.message}`);
} finally {
	await browser?.close();
	if (failed) console.log(`The server said:\n${server.said}`);
	await server.remove();
}
console.log(`[  PASSED  ] ${passed} test(s).`);
if (skipped) console.log(`[  SKIPPED ] ${skipped} test(s).`);
if (failed) console.log(`[  FAILED  ] ${failed} test(s).`);
process.exit(failed ? 1 : 0);
