#include "model/anthropic_blocks.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* anthropic-messages: a message is a list of blocks; in a stream each begins, grows and stops.
 *
 * reading.opaque is NULL when there are only text and calls.  Otherwise it is an array that
 * describes the content in order, for whoever writes the message back: a string is a whole block's
 * JSON, to be sent as it is; an integer n is a text block that is the next n bytes of the message's
 * text; null is the next call.  A block that did not stop is left out, since the API refuses
 * half of one. */

#define BLOCKS_MAX 10000

struct anthropic {
	struct reader reader;
	struct anthropic_block *blocks;
	int n, cap;
	bool begun;
	char *explanation; /* of a refusal */
};

static struct anthropic *anthropic_of(struct reader *r)
{
	return container_of(r, struct anthropic, reader);
}

/* Blocks. */

static struct anthropic_block *add_block(struct anthropic *a)
{
	if (a->n == BLOCKS_MAX)
		reader_limit(&a->reader, "the answer has more than 10000 blocks");
	if (a->reader.failed)
		return NULL;
	if (a->n == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 2;
		a->blocks = mem_resize(a->blocks, sizeof(*a->blocks) * (size_t)a->cap);
	}
	a->blocks[a->n] = (struct anthropic_block){ .index = -1 };
	return &a->blocks[a->n++];
}

/* Text that comes for a block which is not the last text is the last one's: what was shown cannot
 * be put before it any more. */
static void add_text(struct anthropic *a, struct span text)
{
	const size_t from = a->reader.text.len;
	struct anthropic_block *last = NULL;

	for (int i = a->n; i-- > 0 && !last;)
		if (a->blocks[i].kind == BLOCK_TEXT)
			last = &a->blocks[i];
	if (!last && !(last = add_block(a)))
		return;
	if (!last->raw.len)
		buf_adds(&last->raw, "{\"type\":\"text\"}");
	reader_keep(&a->reader, &a->reader.text, text);
	last->text += a->reader.text.len - from;
	reader_show(&a->reader, from);
}

static struct anthropic_block *begin_block(struct anthropic *a, struct span raw)
{
	static const char *const names[] = { "type", "text", "to" };
	struct span m[array_len(names)];
	struct anthropic_block *b = span_kind(raw) == '{' ? add_block(a) : NULL;

	if (!b)
		return NULL;
	span_members(raw, names, m, array_len(names));
	reader_keep_raw(&a->reader, &b->raw, raw);
	b->kind = span_is(m[0], "tool_use") ? BLOCK_CALL : BLOCK_OPAQUE;
	if (span_is(m[0], "text")) {
		b->kind = BLOCK_TEXT;
		add_text(a, m[1]);
	} else if (span_is(m[0], "fallback")) { /* from here on another model spoke */
		reader_set(&a->reader.model, span_member(m[2], "model"));
	}
	return b;
}

static void whole_blocks(struct anthropic *a, struct span content)
{
	struct span raw;
	size_t at = 0;

	if (span_kind(content) == '"')
		add_text(a, content);
	else if (span_kind(content) == '[')
		while (span_next(content, &at, NULL, &raw)) {
			struct anthropic_block *b = begin_block(a, raw);

			if (b)
				b->whole = b->stopped = true;
		}
}

/* The open block of this index; the last one when there is no index. */
static struct anthropic_block *find_block(struct anthropic *a, struct span index)
{
	const int64_t i = span_int(index, -1);

	for (int k = a->n; k-- > 0;)
		if (!a->blocks[k].stopped && (i < 0 || a->blocks[k].index == i))
			return &a->blocks[k];
	return NULL;
}

/* Events. */

static void read_usage(struct reader *r, struct span usage)
{
	static const char *const names[] = { "input_tokens", "cache_read_input_tokens",
		"cache_creation_input_tokens", "output_tokens", "output_tokens_details" };
	struct span m[array_len(names)];

	span_members(usage, names, m, array_len(names));
	reader_count(&r->usage.input_uncached, m[0]);
	reader_count(&r->usage.cache_read, m[1]);
	reader_count(&r->usage.cache_write, m[2]);
	reader_count(&r->usage.output, m[3]);
	reader_count(&r->usage.reasoning, span_member(m[4], "thinking_tokens"));
}

enum member {
	STOP_REASON,
	STOP_DETAILS,
	ID,
	MODEL,
	CONTENT,
	USAGE,
	ERROR,
	MEMBERS
};

static const char *const members[MEMBERS] = { "stop_reason", "stop_details", "id", "model",
	"content", "usage", "error" };

static void read_stop(struct anthropic *a, const struct span *m)
{
	reader_set(&a->reader.stop, m[STOP_REASON]);
	reader_set(&a->explanation, span_member(m[STOP_DETAILS], "explanation"));
}

static void read_message(struct anthropic *a, const struct span *m)
{
	reader_set(&a->reader.id, m[ID]);
	reader_set(&a->reader.model, m[MODEL]);
	whole_blocks(a, m[CONTENT]);
	read_usage(&a->reader, m[USAGE]);
	read_stop(a, m);
	a->begun = true;
}

/* Proxies repeat it, which is harmless; or put the beginning of another answer behind this one's,
 * and then nobody knows whose call the next block is. */
static void message_start(struct anthropic *a, struct span event)
{
	struct span m[MEMBERS];

	span_members(span_member(event, "message"), members, m, MEMBERS);
	if (!a->begun)
		read_message(a, m);
	else if (a->reader.id && span_kind(m[ID]) == '"' && !span_is(m[ID], a->reader.id))
		reader_not_understood(&a->reader, "spliced_message", event.s, event.n);
}

static void block_start(struct anthropic *a, struct span event)
{
	struct anthropic_block *b = begin_block(a, span_member(event, "content_block"));

	if (b)
		b->index = span_int(span_member(event, "index"), -1);
}

static void replace(struct reader *r, struct buf *member, struct span value)
{
	buf_clear(member);
	reader_keep(r, member, value);
}

static void add_citation(struct reader *r, struct anthropic_block *b, struct span citation)
{
	if (b->kind != BLOCK_TEXT || !citation.n)
		return;
	if (b->member.len)
		buf_add(&b->member, ",", 1);
	reader_keep_raw(r, &b->member, citation);
}

enum delta {
	DELTA_TYPE,
	DELTA_TEXT,
	DELTA_JSON,
	DELTA_THINKING,
	DELTA_SIGNATURE,
	DELTA_CITATION,
	DELTAS
};

static void grow(
    struct anthropic *a, struct anthropic_block *b, struct span delta, const struct span *m)
{
	struct reader *r = &a->reader;

	if (span_is(m[DELTA_TYPE], "input_json_delta")) {
		reader_keep(r, &b->grown, m[DELTA_JSON]);
	} else if (span_is(m[DELTA_TYPE], "thinking_delta")) {
		reader_keep(r, &b->grown, m[DELTA_THINKING]);
	} else if (span_is(m[DELTA_TYPE], "signature_delta")) {
		replace(r, &b->member, m[DELTA_SIGNATURE]);
	} else if (span_is(m[DELTA_TYPE], "citations_delta")) {
		add_citation(r, b, m[DELTA_CITATION]);
	} else if (span_is(m[DELTA_TYPE], "compaction_delta")) {
		buf_clear(&b->member);
		reader_keep_raw(r, &b->member, delta);
	}
}

static void block_delta(struct anthropic *a, struct span event)
{
	static const char *const outer[] = { "index", "delta" };
	static const char *const names[DELTAS] = { "type", "text", "partial_json", "thinking",
		"signature", "citation" };
	struct span o[array_len(outer)], m[DELTAS];
	struct anthropic_block *b;

	span_members(event, outer, o, array_len(outer));
	span_members(o[1], names, m, DELTAS);
	if (span_is(m[DELTA_TYPE], "text_delta"))
		add_text(a, m[DELTA_TEXT]);
	else if ((b = find_block(a, o[0])))
		grow(a, b, o[1], m);
}

static void block_stop(struct anthropic *a, struct span event)
{
	struct anthropic_block *b = find_block(a, span_member(event, "index"));

	if (b)
		b->stopped = true;
}

static void message_delta(struct anthropic *a, struct span event)
{
	struct span m[2];

	span_members(span_member(event, "delta"), members, m, 2);
	read_stop(a, m);
	read_usage(&a->reader, span_member(event, "usage"));
}

static void message_stop(struct anthropic *a, struct span event)
{
	(void)event;
	a->reader.over = a->begun;
}

static void error_event(struct anthropic *a, struct span event)
{
	reader_error(&a->reader, event);
}

static const struct {
	const char *type;
	void (*read)(struct anthropic *a, struct span event);
} events[] = {
	{ "content_block_delta", block_delta },
	{ "content_block_start", block_start },
	{ "content_block_stop", block_stop },
	{ "message_start", message_start },
	{ "message_delta", message_delta },
	{ "message_stop", message_stop },
	{ "error", error_event },
};

static void on_event(struct reader *r, const char *name, struct span event)
{
	static const char *const names[] = { "type", "error" };
	struct span m[array_len(names)];

	span_members(event, names, m, array_len(names));
	if (reader_is_error(m[1])) {
		reader_error(r, event);
		return;
	}
	for (size_t i = 0; i < array_len(events); i++)
		if (m[0].n ? span_is(m[0], events[i].type) : text_is(name, events[i].type)) {
			events[i].read(anthropic_of(r), event);
			return;
		}
}

static void on_document(struct reader *r, struct span body)
{
	struct span m[MEMBERS];

	span_members(body, members, m, MEMBERS);
	if (reader_is_error(m[ERROR])) {
		reader_error(r, body);
	} else if (span_given(m[CONTENT])) {
		read_message(anthropic_of(r), m);
		r->over = true;
	}
}

/* The reading. */

static struct reading_call read_call(struct arena *mem, const struct anthropic_block *b)
{
	static const char *const names[] = { "id", "name", "input" };
	struct span raw = { b->raw.data, b->raw.len }, m[array_len(names)], sent;
	struct buf id = { 0 }, name = { 0 };
	struct reading_call c = { .whole = b->stopped };

	span_members(raw, names, m, array_len(names));
	span_text(&id, m[0]);
	span_text(&name, m[1]);
	c.id = reader_text(mem, &id);
	c.name = reader_text(mem, &name);
	sent = b->grown.len ? (struct span){ b->grown.data, b->grown.len } : m[2];
	c.raw = sent.n ? arena_memdup(mem, sent.s, sent.n) : "";
	if (c.whole)
		c.arguments = reader_arguments(mem, c.raw, sent.n);
	buf_done(&id);
	buf_done(&name);
	return c;
}

static void finish_calls(const struct anthropic *a, struct arena *mem, struct reading *out)
{
	struct reading_call *calls = arena_array(mem, struct reading_call, a->n);

	for (int i = 0; i < a->n; i++)
		if (a->blocks[i].kind == BLOCK_CALL)
			calls[out->ncalls++] = read_call(mem, &a->blocks[i]);
	out->calls = calls;
}

static void finish_reasoning(const struct anthropic *a, struct arena *mem, struct reading *out)
{
	struct buf reasoning = { 0 };

	for (int i = 0; i < a->n; i++)
		if (a->blocks[i].kind == BLOCK_OPAQUE)
			anthropic_thinking(&reasoning, &a->blocks[i]);
	out->reasoning = reader_text_or_null(mem, &reasoning);
	buf_done(&reasoning);
}

static json_t *opaque_block(struct arena *mem, const struct anthropic_block *b)
{
	if (b->kind == BLOCK_CALL)
		return json_null();
	if (b->kind == BLOCK_TEXT)
		return b->text ? json_integer((json_int_t)b->text) : NULL;
	return b->stopped ? json_string(anthropic_block_json(mem, b, "")) : NULL;
}

static void finish_opaque(const struct anthropic *a, struct arena *mem, struct reading *out)
{
	json_t *list = json_in(mem, json_array());
	bool any = false;

	for (int i = 0; i < a->n; i++) {
		json_t *item = opaque_block(mem, &a->blocks[i]);

		any |= json_is_string(item);
		if (item)
			json_array_append_new(list, item);
	}
	if (any)
		out->opaque = list;
}

/* The API refuses a text without a word, as it does half a block. */
static bool goes_back(const struct anthropic_block *b, const char *text)
{
	return b->kind == BLOCK_TEXT ? strspn(text, " \t\r\n") < b->text : b->stopped;
}

/* Where nothing goes back there is nothing to go on from. */
static void finish_pause(const struct anthropic *a, struct arena *mem, struct reading *out)
{
	struct buf content = { 0 };
	const char *text = out->text;

	buf_adds(&content, "[");
	for (int i = 0; i < a->n; text += a->blocks[i++].text) {
		const struct anthropic_block *b = &a->blocks[i];

		if (!goes_back(b, text))
			continue;
		buf_adds(&content, content.len > 1 ? "," : "");
		buf_adds(&content, anthropic_block_json(mem, b, text));
	}
	buf_adds(&content, "]");
	out->pause = content.len > strlen("[]");
	out->content = reader_text(mem, &content);
	buf_done(&content);
}

static bool stop_runs(const char *stop)
{
	return text_is(stop, "tool_use") || text_is(stop, "end_turn") ||
	       text_is(stop, "stop_sequence");
}

static void finish(struct reader *r, struct arena *mem, struct reading *out)
{
	const struct anthropic *a = anthropic_of(r);

	out->text = reader_text(mem, &r->text);
	out->run = stop_runs(r->stop);
	finish_calls(a, mem, out);
	finish_reasoning(a, mem, out);
	finish_opaque(a, mem, out);
	if (text_is(r->stop, "refusal"))
		out->refusal = arena_strdup(mem, a->explanation ? a->explanation : "refusal");
	if (text_is(r->stop, "pause_turn"))
		finish_pause(a, mem, out);
}

static void anthropic_free(struct reader *r)
{
	struct anthropic *a = anthropic_of(r);

	for (int i = 0; i < a->n; i++) {
		buf_done(&a->blocks[i].raw);
		buf_done(&a->blocks[i].grown);
		buf_done(&a->blocks[i].member);
	}
	free(a->blocks);
	free(a->explanation);
}

static const struct reader_class anthropic_class = {
	.event = on_event,
	.document = on_document,
	.finish = finish,
	.free = anthropic_free,
};

static struct reader *anthropic_open(int status, const struct model_sink *sink)
{
	struct anthropic *a = mem_new(struct anthropic);

	reader_start(&a->reader, &anthropic_class, status, sink);
	return &a->reader;
}

const struct reader_dialect reader_anthropic = { "anthropic-messages", anthropic_open };
