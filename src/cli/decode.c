#include "cli/verb.h"

#include "base/mem.h"
#include "base/text.h"
#include "model/reader.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* frontdesk decode: what a provider's body says, read as the server would. */

struct request {
	const struct reader_dialect *dialect;
	int status;
	size_t chunk; /* 0: as it comes */
};

/* null is said, not left out: what reads this need not ask twice. */
static void put(json_t *o, const char *key, const char *value)
{
	json_object_set_new(o, key, value ? json_string(value) : json_null());
}

static void put_count(json_t *o, const char *key, int64_t n, int64_t unsaid)
{
	n = n < 0 ? unsaid : n;
	json_object_set_new(o, key, n < 0 ? json_null() : json_integer(n));
}

static json_t *usage_json(const struct reading_usage *u)
{
	json_t *o;

	if (u->input_total < 0 && u->input_uncached < 0 && u->output < 0)
		return json_null();
	o = json_object();
	if (u->input_uncached >= 0) {
		put_count(o, "input_uncached", u->input_uncached, -1);
		put_count(o, "cache_read", u->cache_read, 0);
		put_count(o, "cache_write", u->cache_write, 0);
	} else {
		put_count(o, "input_total", u->input_total, -1);
		put_count(o, "cache_read", u->cache_read, 0);
	}
	put_count(o, "output", u->output, -1);
	put_count(o, "reasoning", u->reasoning, -1);
	return o;
}

static json_t *call_json(const struct reading_call *c)
{
	json_t *o = json_object();

	put(o, "id", c->id);
	put(o, "name", c->name);
	if (c->arguments)
		json_object_set(o, "args", json_unconst(c->arguments));
	else
		json_object_set_new(o, "args", json_object());
	return o;
}

static json_t *unclosed_json(const struct reading *r)
{
	json_t *list = json_array();

	for (int i = 0; i < r->ncalls; i++)
		if (!r->calls[i].whole)
			json_array_append_new(
			    list, json_pack("{ss ss ss}", "id", r->calls[i].id, "name",
				      r->calls[i].name, "raw", r->calls[i].raw));
	return list;
}

static json_t *calls_json(const struct reading *r)
{
	json_t *list = json_array();

	for (int i = 0; i < r->ncalls; i++)
		json_array_append_new(list, call_json(&r->calls[i]));
	return list;
}

/* All that the provider said of it, with the three members that are always there. */
static json_t *error_json(const struct reading *r)
{
	json_t *o = json_is_object(r->error) ? json_copy(json_unconst(r->error)) : json_object();

	if (!json_object_get(o, "type"))
		put(o, "type", r->error_type);
	if (!json_object_get(o, "code"))
		put(o, "code", r->error_code);
	if (!json_object_get(o, "message"))
		put(o, "message", r->error_message);
	return o;
}

static void put_texts(json_t *o, const struct reading *r, const struct request *q)
{
	const bool anthropic = q->dialect == &reader_anthropic;

	put(o, "text", r->tagged ? r->tagged : r->text);
	if (r->tagged)
		put(o, "shown", r->text);
	put(o, "reasoning", r->tagged ? NULL : r->reasoning || !anthropic ? r->reasoning : "");
	put(o, "refusal", r->refusal || !r->refusal_sent ? r->refusal : "");
}

static json_t *reading_json(const struct reading *r, const struct request *q)
{
	static const char *const outcomes[] = { "message", "error", "truncated" };
	json_t *o = json_object();

	put(o, "outcome", outcomes[r->outcome]);
	json_object_set_new(o, "http_status", json_integer(q->status));
	put(o, "id", r->id);
	put(o, "model", r->model);
	put(o, "stop_reason", r->stop_reason);
	put_texts(o, r, q);
	json_object_set_new(o, "tool_calls", calls_json(r));
	json_object_set_new(o, "unclosed_tool_blocks", unclosed_json(r));
	json_object_set_new(o, "usage", usage_json(&r->usage));
	json_object_set_new(o, "run", json_boolean(r->run));
	if (r->outcome == READING_ERROR)
		json_object_set_new(o, "error", error_json(r));
	if (r->opaque)
		json_object_set(o, "opaque", json_unconst(r->opaque));
	if (r->pause)
		put(o, "content", r->content);
	return o;
}

static void show(struct reader *r, const struct request *q)
{
	struct arena *mem = arena_new();
	struct reading reading;
	json_t *o;

	reader_end(r, mem, &reading);
	o = reading_json(&reading, q);
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
	arena_free(mem);
}

static int feed(struct reader *r, const char *bytes, size_t n, size_t chunk, struct err *e)
{
	for (size_t at = 0, some; at < n; at += some) {
		some = chunk && chunk < n - at ? chunk : n - at;
		if (reader_feed(r, bytes + at, some, e) != 0)
			return -1;
	}
	return 0;
}

/* Chunks are counted from the beginning of the body, however it is read. */
static int feed_all(struct reader *r, size_t chunk, struct err *e)
{
	const size_t size = chunk > 65536 || !chunk ? 65536 : 65536 / chunk * chunk;
	char *bytes = mem_alloc(size);
	size_t n;
	int result = 0;

	while (result == 0 && (n = fread(bytes, 1, size, stdin)) > 0)
		result = feed(r, bytes, n, chunk, e);
	if (result == 0 && ferror(stdin))
		result = err_set(e, ERR_IO, "stdin cannot be read: %s", strerror(errno));
	free(bytes);
	return result;
}

static int decode(const struct request *q)
{
	struct reader *r = reader_open(q->dialect, q->status, NULL);
	struct err e;
	int result = feed_all(r, q->chunk, &e);

	if (result == 0)
		show(r, q);
	else
		fprintf(stderr, "frontdesk: %s\n", e.msg);
	reader_free(r);
	return result == 0 ? EXIT_OK : EXIT_FAILED;
}

/* -1: it is none between min and max. */
static long whole_number(const char *s, long min, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	return *s < '0' || *s > '9' || *end || errno || n < min || n > max ? -1 : n;
}

static int set(const struct verb *v, struct request *q, int option)
{
	long n = 0;

	if (option == 'd' && !(q->dialect = reader_find(optarg)))
		return verb_usage(v,
		    "there is no dialect \"%s\": expected anthropic-messages or "
		    "openai-chat",
		    optarg);
	if (option == 's' && (n = whole_number(optarg, 100, 599)) > 0)
		q->status = (int)n;
	if (option == 'c' && (n = whole_number(optarg, 1, 1 << 24)) > 0)
		q->chunk = (size_t)n;
	if (n < 0)
		return verb_usage(v, "\"%s\" is no %s", optarg,
		    option == 's' ? "HTTP status" : "number of bytes from 1 to 16777216");
	return EXIT_OK;
}

static int run(const struct verb *v, int argc, char **argv)
{
	static const struct option options[] = { { "dialect", required_argument, NULL, 'd' },
		{ "status", required_argument, NULL, 's' },
		{ "chunk", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' },
		{ 0 } };
	struct request q = { .status = 200 };
	int option, status;

	opterr = 0; /* we say it ourselves */
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1)
		switch (option) {
		case 'd':
		case 's':
		case 'c':
			if ((status = set(v, &q, option)) != EXIT_OK)
				return status;
			break;
		case 'h': return verb_help(v);
		case ':': return verb_usage(v, "%s needs a value", argv[optind - 1]);
		default: return verb_usage(v, "bad option %s", argv[optind - 1]);
		}
	if (optind < argc)
		return verb_usage(v, "the body comes on stdin: what is \"%s\"?", argv[optind]);
	if (!q.dialect)
		return verb_usage(v, "--dialect is missing: anthropic-messages or openai-chat");
	return decode(&q);
}

const struct verb verb_decode = {
	.name = "decode",
	.arguments = "--dialect DIALECT",
	.summary = "Says what a model provider's body means, as JSON",
	.help =
	    "  --dialect DIALECT  anthropic-messages or openai-chat\n"
	    "  --status N         the HTTP status it came with (default: 200)\n"
	    "  --chunk N          read it N bytes at a time; the result is the same\n"
	    "\n"
	    "The body, a stream or a document, is read from stdin:\n"
	    "  frontdesk decode --dialect openai-chat < body\n"
	    "outcome is message, error or truncated, and run says whether the calls in it may be\n"
	    "executed.  Where reasoning was left in the text in <think> tags, text is as it was\n"
	    "sent and shown is what a customer sees.  The exit status is 0 whatever the outcome,\n"
	    "1 when stdin cannot be read or is longer than 16 MiB allow.\n",
	.run = run,
};
