#include "model/openai_reader.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* openai-chat, as OpenAI and some thirty servers after it speak it.
 *
 * Of several choices only the first is read.  A stream has come to its end with [DONE], or when it
 * stops after a finish_reason: some servers leave out the one, some the other.
 *
 * reading.opaque is NULL or an object of the members that some servers want back in the message:
 * "reasoning_content", "reasoning" (strings) and "reasoning_details" (an array). */

struct openai {
	struct reader reader;
	struct openai_calls calls;
	struct openai_reasoning reasoning;
	struct buf refusal;
	bool refusal_sent;
	size_t shown; /* of the text */
};

static struct openai *openai_of(struct reader *r)
{
	return container_of(r, struct openai, reader);
}

static void read_usage(struct reader *r, struct span usage)
{
	static const char *const names[] = { "prompt_tokens", "completion_tokens",
		"prompt_tokens_details", "completion_tokens_details", "prompt_cache_hit_tokens",
		"cached_tokens" };
	struct span m[array_len(names)];

	span_members(usage, names, m, array_len(names));
	reader_count(&r->usage.input_total, m[0]);
	reader_count(&r->usage.output, m[1]);
	reader_count(&r->usage.cache_read, m[5]);
	reader_count(&r->usage.cache_read, m[4]);
	reader_count(&r->usage.cache_read, span_member(m[2], "cached_tokens"));
	reader_count(&r->usage.reasoning, span_member(m[3], "reasoning_tokens"));
}

/* Text. */

static void show(struct openai *o, bool ended)
{
	const struct buf *text = &o->reader.text;
	size_t from = openai_think(&o->reasoning, buf_str(text), text->len, ended);

	if (from < o->shown)
		from = o->shown;
	if (o->reasoning.think != THINK_NONE)
		return;
	reader_show(&o->reader, from);
	o->shown = text->len;
}

static void read_refusal(struct openai *o, struct span refusal)
{
	o->refusal_sent |= o->reader.form == FORM_DOCUMENT && span_kind(refusal) == '"';
	reader_keep(&o->reader, &o->refusal, refusal);
}

static void read_thinking(struct openai *o, struct span thinking)
{
	struct span part;
	size_t at = 0;

	reader_keep(&o->reader, &o->reasoning.said, thinking);
	if (span_kind(thinking) == '[')
		while (span_next(thinking, &at, NULL, &part))
			reader_keep(&o->reader, &o->reasoning.said, span_member(part, "text"));
}

static void read_part(struct openai *o, struct span part)
{
	static const char *const names[] = { "type", "text", "thinking", "refusal" };
	struct span m[array_len(names)];

	span_members(part, names, m, array_len(names));
	if (span_is(m[0], "text") || span_is(m[0], "output_text"))
		reader_keep(&o->reader, &o->reader.text, m[1]);
	else if (span_is(m[0], "thinking"))
		read_thinking(o, m[2]);
	else if (span_is(m[0], "refusal"))
		read_refusal(o, m[3]);
}

static void read_content(struct openai *o, struct span content)
{
	struct span part;
	size_t at = 0;

	reader_keep(&o->reader, &o->reader.text, content);
	if (span_kind(content) == '[')
		while (span_next(content, &at, NULL, &part))
			read_part(o, part);
}

/* Choices. */

enum part {
	REASONING, /* as openai_reasoning_read() takes them */
	CONTENT = REASONING + OPENAI_REASONING_MEMBERS,
	REFUSAL,
	TOOL_CALLS,
	FUNCTION_CALL,
	PARTS
};

static void read_message(struct openai *o, struct span message)
{
	static const char *const names[PARTS] = { "reasoning_content", "reasoning",
		"reasoning_details", "content", "refusal", "tool_calls", "function_call" };
	struct span m[PARTS], function;

	span_members(message, names, m, PARTS);
	openai_reasoning_read(&o->reasoning, &o->reader, m + REASONING);
	read_content(o, m[CONTENT]);
	read_refusal(o, m[REFUSAL]);
	openai_calls_read(&o->calls, &o->reader, m[TOOL_CALLS]);
	/* Before tools there was one function; some servers send an empty one to this day. */
	function = span_member(m[FUNCTION_CALL], "name");
	if (span_kind(function) == '"' && !span_is(function, ""))
		openai_calls_read_one(&o->calls, &o->reader, m[FUNCTION_CALL]);
}

static bool stop_runs(const char *stop)
{
	static const char *const cut[] = { "length", "model_length", "max_tokens", "content_filter",
		"sensitive", "refusal", "error", "network_error", "insufficient_system_resource",
		"abort", "cancelled", "model_context_window_exceeded" };

	for (size_t i = 0; stop && i < array_len(cut); i++)
		if (strcasecmp(stop, cut[i]) == 0)
			return false;
	return true;
}

/* In a stream "" says nothing: some servers send it with each chunk until they know better. */
static void set(struct reader *r, char **slot, struct span string)
{
	reader_set(slot, string);
	if (!*slot && r->form == FORM_DOCUMENT)
		*slot = span_dup(string);
}

/* Said twice by some: one that forbids calls is not taken back. */
static void read_stop(struct reader *r, struct span stop)
{
	if (!r->stop || stop_runs(r->stop))
		set(r, &r->stop, stop);
}

/* false: it is another one than the first, which has the index 0 or none. */
static bool read_choice(struct openai *o, struct span choice)
{
	static const char *const names[] = { "index", "delta", "message", "finish_reason" };
	struct span m[array_len(names)];

	span_members(choice, names, m, array_len(names));
	if (span_int(m[0], 0) != 0)
		return false;
	if (o->reader.form == FORM_DOCUMENT)
		o->reader.over = span_kind(m[2]) == '{';
	read_message(o, span_kind(m[1]) == '{' ? m[1] : m[2]);
	read_stop(&o->reader, m[3]);
	show(o, o->reader.stop != NULL);
	return true;
}

static void read_choices(struct openai *o, struct span choices)
{
	struct span choice;
	size_t at = 0;

	if (span_kind(choices) == '[')
		while (span_next(choices, &at, NULL, &choice) && !read_choice(o, choice))
			;
}

enum member {
	ID,
	MODEL,
	CHOICES,
	USAGE,
	GROQ,
	ERROR,
	MEMBERS
};

static void read_chunk(struct openai *o, struct span chunk)
{
	static const char *const names[MEMBERS] = { "id", "model", "choices", "usage", "x_groq",
		"error" };
	struct reader *r = &o->reader;
	struct span m[MEMBERS];

	span_members(chunk, names, m, MEMBERS);
	if (reader_is_error(m[ERROR])) {
		reader_error(r, chunk);
		return;
	}
	if (!r->id)
		set(r, &r->id, m[ID]);
	if (!r->model)
		set(r, &r->model, m[MODEL]);
	read_usage(r, span_member(m[GROQ], "usage"));
	read_usage(r, m[USAGE]);
	read_choices(o, m[CHOICES]);
}

static void on_event(struct reader *r, const char *name, struct span chunk)
{
	if (text_is(name, "error"))
		reader_error(r, chunk);
	else
		read_chunk(openai_of(r), chunk);
}

static void on_done(struct reader *r)
{
	show(openai_of(r), true);
	r->over = true;
}

static void on_document(struct reader *r, struct span body)
{
	struct openai *o = openai_of(r);

	o->calls.whole = true;
	read_chunk(o, body);
}

/* The end. */

static void finish(struct reader *r, struct arena *mem, struct reading *out)
{
	struct openai *o = openai_of(r);
	size_t from = openai_think(&o->reasoning, buf_str(&r->text), r->text.len, true);

	if (r->form == FORM_STREAM && r->stop)
		r->over = true;
	r->erred |= text_is(r->stop, "error") || text_is(r->stop, "network_error");
	out->text = arena_memdup(mem, buf_str(&r->text) + from, r->text.len - from);
	out->refusal = reader_text_or_null(mem, &o->refusal);
	out->refusal_sent = o->refusal_sent;
	out->run = stop_runs(r->stop);
	openai_reasoning_finish(&o->reasoning, &r->text, mem, out);
	openai_calls_finish(&o->calls, mem, out);
}

static void openai_free(struct reader *r)
{
	struct openai *o = openai_of(r);

	buf_done(&o->refusal);
	openai_calls_free(&o->calls);
	openai_reasoning_free(&o->reasoning);
}

static const struct reader_class openai_class = {
	.event = on_event,
	.done = on_done,
	.document = on_document,
	.finish = finish,
	.free = openai_free,
};

static struct reader *openai_open(int status, const struct model_sink *sink)
{
	struct openai *o = mem_new(struct openai);

	reader_start(&o->reader, &openai_class, status, sink);
	return &o->reader;
}

const struct reader_dialect reader_openai = { "openai-chat", openai_open };
