/*
 * loadgen: drives the common support-agent API and measures it.
 *
 *   closed   --conc N --warmup S --duration S --turns-per-conv K
 *            N conversations in a closed loop; a fresh conversation every K turns
 *   burst    --conc N --ramp S --timeout S [--sample-at S]
 *            N conversations, one turn each, all in flight together; --sample-at S: memory S
 *            seconds after the first was sent
 *   history  --turns K
 *            one conversation of K turns, cost of every turn
 *
 *   common   --port P [--pid ROOT]... [--stream]
 *
 * --pid names the root of a process tree whose CPU time (CPU clock of each
 * process, nanoseconds) and resident memory are charged to the turns.
 * One thread, one epoll loop. Result: one JSON object on stdout.
 */
#include "util.h"
#include <dirent.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	MAX_PIDS = 64
};
enum state {
	S_IDLE,
	S_CONNECTING,
	S_CREATE,
	S_READY,
	S_TURN
};

struct conn {
	int fd;
	enum state st;
	char conv[80];
	int turns; /* done on this conversation */
	struct buf in, out;
	size_t out_off, body_at;
	long need; /* content length, -1: chunked */
	int status;
	uint64_t t0, t_first;
};

static struct {
	int port, conc, per_conv, max_turns;
	double warmup, duration, ramp, timeout, sample_at;
	bool stream;
	enum {
		M_CLOSED,
		M_BURST,
		M_HISTORY
	} mode;
} o = { .port = 21310,
	.conc = 1,
	.per_conv = 5,
	.max_turns = 500,
	.warmup = 2,
	.duration = 6,
	.ramp = 1,
	.timeout = 60 };

/* How a system's API differs from the common one: run.py passes it from the
 * system's "client", in the environment. */
static const char *client_create = "{\"customer_id\":\"cust-7\",\"customer_name\":\"Ana Ruiz\"}";
static const char *client_headers = ""; /* whole lines, each ended by CR LF */
static bool client_accept;              /* streaming is asked for by the Accept header */

static bool stream_by_accept(void)
{
	return o.stream && client_accept;
}

static int roots[MAX_PIDS], n_roots;
static int tree[MAX_PIDS * 4], n_tree;
static int ep;
static struct conn *conns;
static double *lat, *first; /* ms */
static size_t n_lat, cap_lat;
static double *hist_lat, *hist_cpu;
static uint64_t measure_from, measure_to;
static long done_total, err_http, err_conn, err_body;
static double rss_peak, rss_now;

/* Cost of the system under test. */

static void scan_tree(void)
{
	static int pids[65536], ppids[65536];
	int n = 0;
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d)) && n < 65536;) {
		int pid = atoi(e->d_name), ppid;
		char path[64], line[512], *p;
		if (pid <= 0)
			continue;
		snprintf(path, sizeof path, "/proc/%d/stat", pid);
		FILE *f = fopen(path, "r");
		if (!f)
			continue;
		if (fgets(line, sizeof line, f) && (p = strrchr(line, ')')) &&
		    sscanf(p + 2, "%*c %d", &ppid) == 1) {
			pids[n] = pid;
			ppids[n++] = ppid;
		}
		fclose(f);
	}
	if (d)
		closedir(d);
	n_tree = 0;
	for (int i = 0; i < n_roots; i++)
		tree[n_tree++] = roots[i];
	for (int i = 0; i < n_tree; i++)
		for (int k = 0; k < n; k++)
			if (ppids[k] == tree[i] && n_tree < (int)(sizeof tree / sizeof *tree))
				tree[n_tree++] = pids[k];
}

static double tree_cpu_ms(void)
{
	double ms = 0;
	for (int i = 0; i < n_tree; i++) {
		clockid_t id;
		struct timespec ts;
		if (!clock_getcpuclockid(tree[i], &id) && !clock_gettime(id, &ts))
			ms += (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
	}
	return ms;
}

static void sample_rss(void)
{
	double mb = 0;
	for (int i = 0; i < n_tree; i++) {
		char path[64];
		long size, rss;
		snprintf(path, sizeof path, "/proc/%d/statm", tree[i]);
		FILE *f = fopen(path, "r");
		if (!f)
			continue;
		if (fscanf(f, "%ld %ld", &size, &rss) == 2)
			mb += (double)rss * (double)sysconf(_SC_PAGESIZE) / 1048576.0;
		fclose(f);
	}
	rss_now = mb;
	if (mb > rss_peak)
		rss_peak = mb;
}

/* HTTP client. */

static void record(struct conn *c, uint64_t now)
{
	if (c->t0 < measure_from || now > measure_to)
		return;
	if (n_lat == cap_lat) {
		cap_lat = cap_lat ? cap_lat * 2 : 4096;
		lat = realloc(lat, cap_lat * sizeof *lat);
		first = realloc(first, cap_lat * sizeof *first);
	}
	lat[n_lat] = (double)(now - c->t0) / 1e6;
	first[n_lat++] = c->t_first ? (double)(c->t_first - c->t0) / 1e6 : -1;
}

static void interest(struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
}

static void conn_open(struct conn *c)
{
	c->fd = connect_to(o.port);
	c->st = S_CONNECTING;
	struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = c };
	epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
}

static void conn_reset(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->in.len = c->out.len = c->out_off = c->body_at = 0;
	c->conv[0] = 0;
	c->turns = 0;
	c->st = S_IDLE;
}

static bool conn_send(struct conn *c)
{
	if (!give(c->fd, &c->out, &c->out_off))
		return false;
	if (c->out_off < c->out.len)
		interest(c, EPOLLIN | EPOLLOUT);
	return true;
}

static void begin(struct conn *c, enum state st, const char *path, const char *body)
{
	c->out.len = c->out_off = 0;
	c->in.len = c->body_at = 0;
	c->t_first = 0;
	c->st = st;
	buf_printf(&c->out,
	    "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
	    "%s%sContent-Length: %zu\r\n\r\n%s",
	    path, client_headers,
	    st == S_TURN && stream_by_accept() ? "Accept: text/event-stream\r\n" : "", strlen(body),
	    body);
	c->t0 = now_ns();
	conn_send(c);
}

static void create(struct conn *c)
{
	c->turns = 0;
	begin(c, S_CREATE, "/v1/conversations", client_create);
}

static void turn(struct conn *c)
{
	char path[160], body[256];
	snprintf(path, sizeof path, "/v1/conversations/%s/messages", c->conv);
	snprintf(body, sizeof body,
	    "{\"content\":\"Hello, about my order A-1042: can I still cancel it or get my money "
	    "back? (message %d)\"%s}",
	    c->turns + 1, o.stream && !client_accept ? ",\"stream\":true" : "");
	begin(c, S_TURN, path, body);
}

/* Is it complete? */
static bool response_whole(struct conn *c)
{
	if (!c->body_at) {
		char *h = c->in.len ? memmem(c->in.p, c->in.len, "\r\n\r\n", 4) : NULL;
		if (!h)
			return false;
		c->body_at = (size_t)(h - c->in.p) + 4;
		c->status = c->in.len > 12 ? atoi(c->in.p + 9) : 0;
		const char *cl = header_value(c->in.p, c->body_at, "content-length");
		const char *te = header_value(c->in.p, c->body_at, "transfer-encoding");
		c->need = te ? -1 : cl ? atol(cl) : 0;
	}
	size_t have = c->in.len - c->body_at;
	if (c->need >= 0)
		return have >= (size_t)c->need;
	return have >= 5 && !memcmp(c->in.p + c->in.len - 5, "0\r\n\r\n", 5);
}

static int active, created;

static void on_created(struct conn *c, const char *body, size_t n)
{
	char *p = memmem(body, n, "\"id\"", 4), *q = NULL;
	if (p && (p = memchr(p + 4, '"', n - (size_t)(p + 4 - body))))
		q = strchr(p + 1, '"');
	if (c->status / 100 != 2 || !q || q - p > (long)sizeof c->conv) {
		fprintf(stderr, "loadgen: create failed: %d %.200s\n", c->status, body);
		exit(1);
	}
	memcpy(c->conv, p + 1, (size_t)(q - p - 1));
	c->conv[q - p - 1] = 0;
	c->st = S_READY;
	created++;
	if (o.mode != M_BURST)
		turn(c);
}

/* Counts the reply, and says what is wrong with the first few that are none. */
static void check_reply(struct conn *c, const char *body, size_t n, uint64_t now)
{
	if (c->status != 200) {
		if (err_http++ < 3)
			fprintf(stderr, "loadgen: status %d: %.300s\n", c->status, body);
	} else if (!memmem(body, n, "END-OF-REPLY", 12)) {
		if (err_body++ < 3)
			fprintf(stderr, "loadgen: no final reply: %.300s\n", body);
	} else {
		done_total++;
		record(c, now);
	}
}

static void on_replied(struct conn *c, const char *body, size_t n, uint64_t now)
{
	check_reply(c, body, n, now);
	c->turns++;
	c->st = S_READY;
	active--;
	if (o.mode == M_HISTORY) {
		hist_lat[c->turns - 1] = (double)(now - c->t0) / 1e6;
		hist_cpu[c->turns - 1] = tree_cpu_ms();
	}
	if (o.mode == M_BURST || (o.mode == M_HISTORY && c->turns == o.max_turns))
		return;
	active++;
	if (o.mode == M_CLOSED && c->turns >= o.per_conv)
		create(c);
	else
		turn(c);
}

/* A connection that was idle too long for the server: it is opened again when its turn is due. */
static void go_idle(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	c->st = S_IDLE;
}

static void on_error(struct conn *c)
{
	if (o.mode == M_BURST && c->st == S_READY) {
		go_idle(c);
		return;
	}
	if (err_conn++ < 3)
		fprintf(stderr, "loadgen: connection lost in state %d\n", c->st);
	bool was_turn = c->st == S_TURN || (o.mode == M_BURST && c->conv[0]);
	conn_reset(c);
	if (o.mode == M_CLOSED)
		conn_open(c);
	else if (was_turn) {
		active--;
	}
}

static void on_connected(struct conn *c)
{
	int err = 0;
	socklen_t l = sizeof err;
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &l);
	if (err) {
		usleep(1000);
		on_error(c);
		return;
	}
	interest(c, EPOLLIN);
	if (c->conv[0])
		turn(c);
	else
		create(c);
}

static void on_answer(struct conn *c, uint64_t now)
{
	bool whole = response_whole(c);
	const char *body = c->in.p + c->body_at;
	size_t n = c->in.len - c->body_at;
	if (c->st == S_TURN && !c->t_first && c->body_at && memmem(body, n, "\"delta\"", 7))
		c->t_first = now;
	if (!whole)
		return;
	if (c->st == S_CREATE)
		on_created(c, body, n);
	else
		on_replied(c, body, n, now);
}

static void on_event(struct conn *c, uint32_t events)
{
	if (c->st == S_CONNECTING) {
		on_connected(c);
		return;
	}
	if (events & EPOLLOUT && c->out_off < c->out.len) {
		interest(c, EPOLLIN);
		if (!conn_send(c)) {
			on_error(c);
			return;
		}
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	if (!take(c->fd, &c->in))
		on_error(c);
	else if (c->st == S_CREATE || c->st == S_TURN)
		on_answer(c, now_ns());
}

static void loop_once(int ms)
{
	struct epoll_event evs[256];
	int n = epoll_wait(ep, evs, 256, ms);
	for (int i = 0; i < n; i++)
		on_event(evs[i].data.ptr, evs[i].events);
}

/* Reporting. */

static int cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double pct(double *v, size_t n, double p)
{
	if (!n)
		return -1;
	size_t i = (size_t)(p * (double)n);
	return v[i < n ? i : n - 1];
}

static double self_cpu_ms(void)
{
	struct rusage ru;
	getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1e3 +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e3;
}

static void print_latencies(void)
{
	qsort(lat, n_lat, sizeof *lat, cmp);
	printf("\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f",
	    pct(lat, n_lat, .5), pct(lat, n_lat, .9), pct(lat, n_lat, .99),
	    n_lat ? lat[n_lat - 1] : -1);
	if (o.stream) {
		qsort(first, n_lat, sizeof *first, cmp);
		printf(",\"first_p50_ms\":%.3f,\"first_p99_ms\":%.3f", pct(first, n_lat, .5),
		    pct(first, n_lat, .99));
	}
	printf(",\"err_http\":%ld,\"err_conn\":%ld,\"err_body\":%ld", err_http, err_conn, err_body);
}

static void run_closed(void)
{
	uint64_t t = now_ns();
	measure_from = t + (uint64_t)(o.warmup * 1e9);
	measure_to = measure_from + (uint64_t)(o.duration * 1e9);
	for (int i = 0; i < o.conc; i++) {
		conn_open(&conns[i]);
		active++;
	}
	uint64_t tick = 0;
	while (now_ns() < measure_from)
		loop_once(5);
	scan_tree();
	double cpu0 = tree_cpu_ms(), self0 = self_cpu_ms();
	long done0 = done_total;
	uint64_t begin_at = now_ns();
	while ((t = now_ns()) < measure_to) {
		loop_once(5);
		if (t > tick) {
			sample_rss();
			tick = t + 100000000ull;
		}
	}
	double secs = (double)(now_ns() - begin_at) / 1e9;
	double cpu = tree_cpu_ms() - cpu0, self = self_cpu_ms() - self0;
	long n = done_total - done0;
	double dn = n ? (double)n : 1;
	printf(
	    "{\"mode\":\"closed\",\"conc\":%d,\"turns\":%ld,\"seconds\":%.2f,\"turns_per_s\":%.2f,"
	    "\"cpu_ms_per_turn\":%.4f,\"cpu_util\":%.3f,\"loadgen_cpu_ms_per_turn\":%.4f,"
	    "\"rss_peak_mb\":%.1f,",
	    o.conc, n, secs, (double)n / secs, cpu / dn, cpu / secs / 1e3, self / dn, rss_peak);
	print_latencies();
	printf("}\n");
}

/* The conversations are there before the clock starts. */
static void create_all(void)
{
	uint64_t limit = now_ns() + 120000000000ull;
	for (int open = 0; created < o.conc && now_ns() < limit;) {
		while (open < o.conc && open - created < 128)
			conn_open(&conns[open++]);
		loop_once(5);
	}
	if (created < o.conc) {
		fprintf(stderr, "loadgen: only %d of %d conversations created\n", created, o.conc);
		exit(1);
	}
}

/* Sends what is due `el` seconds after the start; how many were sent so far. */
static int send_due(int sent, double el)
{
	int due = o.ramp > 0 && el < o.ramp ? (int)(el / o.ramp * o.conc) : o.conc;
	for (; sent < due; sent++)
		if (conns[sent].st == S_READY) {
			active++;
			turn(&conns[sent]);
		} else if (conns[sent].st == S_IDLE && conns[sent].conv[0]) {
			active++;
			conn_open(&conns[sent]);
		}
	return sent;
}

static void run_burst(void)
{
	measure_to = UINT64_MAX;
	create_all();
	usleep(500000);
	scan_tree();
	sample_rss();
	double rss0 = rss_now, cpu0 = tree_cpu_ms(), rss_at = 0, el;
	rss_peak = 0;
	uint64_t start = now_ns(), tick = 0, t;
	int sent = 0;
	while ((el = (double)((t = now_ns()) - start) / 1e9) < o.timeout) {
		sent = send_due(sent, el);
		if (sent == o.conc && active == 0)
			break;
		loop_once(sent < o.conc ? 1 : 20);
		if (t > tick) {
			sample_rss();
			tick = t + 50000000ull;
			if (el < o.sample_at)
				rss_at = rss_now;
		}
	}
	double secs = (double)(now_ns() - start) / 1e9, cpu = tree_cpu_ms() - cpu0;
	printf("{\"mode\":\"burst\",\"conc\":%d,\"ramp_s\":%.2f,\"done\":%ld,\"completion\":%.4f,"
	       "\"makespan_s\":%.2f,\"cpu_ms_per_turn\":%.4f,\"rss_before_mb\":%.1f,"
	       "\"rss_peak_mb\":%.1f,\"rss_kb_per_turn\":%.1f,\"rss_at_kb_per_turn\":%.1f,",
	    o.conc, o.ramp, done_total, (double)done_total / o.conc, secs,
	    cpu / (double)(done_total ? done_total : 1), rss0, rss_peak,
	    (rss_peak - rss0) * 1024.0 / o.conc, (rss_at - rss0) * 1024.0 / o.conc);
	print_latencies();
	printf("}\n");
}

static double window(const double *v, int from, int to, bool cumulative)
{
	static double w[4096];
	int n = 0;
	if (cumulative)
		return (v[to - 1] - v[from - 1]) / (to - from);
	for (int i = from; i < to; i++)
		w[n++] = v[i];
	qsort(w, (size_t)n, sizeof *w, cmp);
	return w[n / 2];
}

static void run_history(void)
{
	measure_to = UINT64_MAX;
	hist_lat = calloc((size_t)o.max_turns, sizeof *hist_lat);
	hist_cpu = calloc((size_t)o.max_turns, sizeof *hist_cpu);
	scan_tree();
	active = 1;
	conn_open(&conns[0]);
	uint64_t start = now_ns(), tick = 0, t;
	while (active && err_http + err_conn + err_body == 0 &&
	       (t = now_ns()) < start + (uint64_t)(o.timeout * 1e9)) {
		loop_once(100);
		if (t > tick) {
			sample_rss();
			tick = t + 100000000ull;
		}
	}
	int n = conns[0].turns;
	printf("{\"mode\":\"history\",\"turns\":%d,\"seconds\":%.2f,\"rss_peak_mb\":%.1f,\"at\":[",
	    n, (double)(now_ns() - start) / 1e9, rss_peak);
	const int at[] = { 10, 50, 100, 200, 500 };
	bool any = false;
	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		int half = at[i] >= 100 ? 10 : at[i] >= 50 ? 5 : 3;
		int from = at[i] - half, to = at[i] + half;
		if (to > n)
			from = n - 2 * half, to = n;
		if (at[i] > n)
			break;
		printf("%s{\"turn\":%d,\"p50_ms\":%.3f,\"cpu_ms\":%.3f}", any ? "," : "", at[i],
		    window(hist_lat, from, to, false), window(hist_cpu, from, to, true));
		any = true;
	}
	printf("],");
	print_latencies();
	printf("}\n");
}

static const struct {
	const char *name;
	int *number;
	double *seconds;
} settings[] = {
	{ "--port", &o.port, NULL },
	{ "--conc", &o.conc, NULL },
	{ "--turns-per-conv", &o.per_conv, NULL },
	{ "--turns", &o.max_turns, NULL },
	{ "--warmup", NULL, &o.warmup },
	{ "--duration", NULL, &o.duration },
	{ "--ramp", NULL, &o.ramp },
	{ "--sample-at", NULL, &o.sample_at },
	{ "--timeout", NULL, &o.timeout },
};

static bool set(const char *name, const char *value)
{
	if (!strcmp(name, "--pid") && n_roots < MAX_PIDS) {
		roots[n_roots++] = atoi(value);
		return true;
	}
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		if (strcmp(settings[i].name, name))
			continue;
		if (settings[i].number)
			*settings[i].number = atoi(value);
		else
			*settings[i].seconds = atof(value);
		return true;
	}
	fprintf(stderr, "loadgen: unknown option %s\n", name);
	return false;
}

static bool read_options(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		if (!strcmp(a, "closed"))
			o.mode = M_CLOSED;
		else if (!strcmp(a, "burst"))
			o.mode = M_BURST;
		else if (!strcmp(a, "history"))
			o.mode = M_HISTORY;
		else if (!strcmp(a, "--stream"))
			o.stream = true;
		else if (!set(a, i + 1 < argc ? argv[i + 1] : ""))
			return false;
		else
			i++;
	}
	if (o.mode == M_HISTORY)
		o.conc = 1;
	return true;
}

static void read_client(void)
{
	if (getenv("PEERS_CREATE"))
		client_create = getenv("PEERS_CREATE");
	if (getenv("PEERS_HEADERS"))
		client_headers = getenv("PEERS_HEADERS");
	client_accept = getenv("PEERS_ACCEPT") != NULL;
}

int main(int argc, char **argv)
{
	read_client();
	if (!read_options(argc, argv))
		return 2;
	ep = epoll_create1(EPOLL_CLOEXEC);
	conns = calloc((size_t)o.conc, sizeof *conns);
	for (int i = 0; i < o.conc; i++)
		conns[i].fd = -1;
	if (o.mode == M_CLOSED)
		run_closed();
	else if (o.mode == M_BURST)
		run_burst();
	else
		run_history();
	return 0;
}
