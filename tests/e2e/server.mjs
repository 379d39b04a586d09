/* The program under test on a copy of the demo shop, with a data folder of its own. */

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const program = (process.env.FRONTDESK || 'build/frontdesk').split(' ');

/* Whatever ends the test ends its servers. */
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

export async function until(what, condition, ms = 15000) {
	for (const end = Date.now() + ms; Date.now() < end;) {
		const found = await condition();
		if (found) return found;
		await new Promise((resolve) => setTimeout(resolve, 15));
	}
	throw new Error(`Waited ${ms} ms in vain until ${what}.`);
}

function freePort() {
	return new Promise((resolve, reject) => {
		const probe = net.createServer().once('error', reject).listen(0, '127.0.0.1', () => {
			const { port } = probe.address();
			probe.close(() => resolve(port));
		});
	});
}

export class Server {
	static async make() {
		const server = new Server();
		server.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'frontdesk-e2e-'));
		server.shop = path.join(server.folder, 'shop');
		if (fs.existsSync('examples/shop')) {
			const own = (file) => path.basename(file) !== 'data';
			fs.cpSync('examples/shop', server.shop, { recursive: true, filter: own });
		} else {
			fs.mkdirSync(server.shop);
		}
		server.port = await freePort();
		server.url = `http://127.0.0.1:${server.port}`;
		server.said = '';
		return server;
	}

	async start() {
		const [command, ...first] = program;
		this.process = spawn(command, [...first, 'serve', '--demo',
			'--data', path.join(this.folder, 'data'), '--listen', `127.0.0.1:${this.port}`, this.shop]);
		const ended = (why) => {
			this.ended = why;
		};
		this.ended = null;
		running.add(this.process);
		this.process.on('error', (e) => ended(e.message));
		this.process.on('exit', (status, signal) => ended(`ended with ${signal || status}`));
		for (const stream of [this.process.stdout, this.process.stderr])
			stream.on('data', (bytes) => (this.said += bytes));
		await until('the server is ready', async () => {
			if (this.ended) throw new Error(`${program.join(' ')}: ${this.ended}\n${this.said}`);
			return fetch(this.url + '/readyz').then((r) => r.ok, () => false);
		}, 60000);
	}

	async stop(signal = 'SIGTERM') {
		if (!this.process || this.ended) return;
		this.process.kill(signal);
		await until('the server has ended', () => this.ended);
	}

	async remove() {
		await this.stop();
		fs.rmSync(this.folder, { recursive: true, force: true });
	}
}
