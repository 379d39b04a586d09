#include "fake_provider.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One answer. */
struct saying {
	struct fake_provider *f;
	struct http_sim *x;
	struct arena *mem;
	const json_t *step;
	int number;
	bool stream;
	int64_t input_tokens;
	struct buf text; /* all of it */
};

static void start(struct saying *s, int status)
{
	const struct http_field fields[] = { { "content-type", s->stream && status == 200
								   ? "text/event-stream"
								   : "application/json" },
		{ "request-id", "req_fake_1" } };

	http_sim_head(s->x, status, fields, array_len(fields));
}

static void say_json(struct saying *s, json_t *j)
{
	const char *text = json_text(s->mem, json_in(s->mem, j));

	http_sim_body(s->x, text, strlen(text));
}

static void event(struct saying *s, json_t *j)
{
	const char *type = json_str(j, "type"), *data = json_text(s->mem, json_in(s->mem, j)),
		   *text;

	text = s->f->api == API_ANTHROPIC
		   ? arena_printf(s->mem, "event: %s\ndata: %s\n\n", type, data)
		   : arena_printf(s->mem, "data: %s\n\n", data);
	http_sim_body(s->x, text, strlen(text));
}

static void refuse(struct saying *s, int status, const char *type, const char *message)
{
	start(s, status);
	say_json(s,
	    json_pack("{ss s{ss ss}}", "type", "error", "error", "type", type, "message", message));
}

/* What the step says. */

static bool nap(const json_t *step, const char *key)
{
	struct err e;
	int64_t ms = json_int(step, key, 0);

	return !ms || fiber_sleep(ms, &e) == 0;
}

static const json_t *calls_of(const struct saying *s)
{
	return json_object_get(s->step, "calls");
}

static const char *call_id(const struct saying *s, const json_t *call, size_t i)
{
	const char *id = json_str(call, "id");

	return id ? id : arena_printf(s->mem, "toolu_%d_%zu", s->number, i);
}

/* As the model wrote them; of a call that was cut off the first half. */
static const char *arguments(const struct saying *s, const json_t *call, bool last)
{
	const json_t *a = json_object_get(call, "arguments");
	const char *text = a ? json_text(s->mem, a) : "{}";

	if (last && json_flag(s->step, "cut"))
		return arena_strndup(s->mem, text, strlen(text) / 2);
	return text;
}

static bool is_last(const struct saying *s, size_t i)
{
	return i + 1 == json_array_size(calls_of(s));
}

static int64_t output_tokens(const struct saying *s)
{
	return (int64_t)s->text.len / 4;
}

static bool each_delta(struct saying *s, void (*say)(struct saying *s, const char *text))
{
	const char *text = json_str_or(s->step, "text", "");
	const json_t *d;
	size_t i;

	if (*text && say)
		say(s, text);
	buf_adds(&s->text, text);
	json_array_foreach (json_object_get(s->step, "deltas"), i, d) {
		if (!nap(s->step, "delta_ms"))
			return false;
		if (say)
			say(s, json_string_value(d));
		buf_adds(&s->text, json_string_value(d));
	}
	return true;
}

/* Before it speaks it thinks; the signature is that of these very words. */
static const char *thought(const struct saying *s)
{
	return arena_printf(s->mem, "step %d", s->number);
}

/* Anthropic. */

static void anthropic_delta(struct saying *s, const char *text)
{
	event(s, json_pack("{ss si s{ss ss}}", "type", "content_block_delta", "index", 1, "delta",
		     "type", "text_delta", "text", text));
}

static const char *anthropic_stop(const struct saying *s)
{
	return json_flag(s->step, "cut")      ? "max_tokens"
	       : json_array_size(calls_of(s)) ? "tool_use"
					      : "end_turn";
}

static void anthropic_call(struct saying *s, const json_t *call, size_t i)
{
	const char *text = arguments(s, call, is_last(s, i));
	size_t half = text_utf8_cut(text, strlen(text), strlen(text) / 3);
	const char *const parts[] = { "", arena_strndup(s->mem, text, half), text + half };

	event(s, json_pack("{ss si s{ss ss ss s{}}}", "type", "content_block_start", "index",
		     (int)i + 2, "content_block", "type", "tool_use", "id", call_id(s, call, i),
		     "name", json_str_or(call, "name", ""), "input"));
	for (size_t p = 0; p < array_len(parts); p++)
		event(s,
		    json_pack("{ss si s{ss ss}}", "type", "content_block_delta", "index",
			(int)i + 2, "delta", "type", "input_json_delta", "partial_json", parts[p]));
	if (!is_last(s, i) || !json_flag(s->step, "cut"))
		event(s, json_pack("{ss si}", "type", "content_block_stop", "index", (int)i + 2));
}

static json_t *thinking_block(const char *thinking, const char *signature)
{
	return json_pack(
	    "{ss ss ss}", "type", "thinking", "thinking", thinking, "signature", signature);
}

static void anthropic_think(struct saying *s)
{
	event(s, json_pack("{ss si so}", "type", "content_block_start", "index", 0, "content_block",
		     thinking_block("", "")));
	event(s, json_pack("{ss si s{ss ss}}", "type", "content_block_delta", "index", 0, "delta",
		     "type", "thinking_delta", "thinking", thought(s)));
	event(s, json_pack("{ss si s{ss so}}", "type", "content_block_delta", "index", 0, "delta",
		     "type", "signature_delta", "signature", json_sprintf("of %s", thought(s))));
	event(s, json_pack("{ss si}", "type", "content_block_stop", "index", 0));
}

static void anthropic_stream(struct saying *s)
{
	const json_t *call;
	size_t i;

	event(s,
	    json_pack("{ss s{ss ss ss ss s[] s{sI si}}}", "type", "message_start", "message", "id",
		"msg_fake", "type", "message", "role", "assistant", "model", "fake", "content",
		"usage", "input_tokens", (json_int_t)s->input_tokens, "output_tokens", 1));
	event(s, json_pack("{ss}", "type", "ping"));
	anthropic_think(s);
	event(s, json_pack("{ss si s{ss ss}}", "type", "content_block_start", "index", 1,
		     "content_block", "type", "text", "text", ""));
	if (!each_delta(s, anthropic_delta))
		return;
	event(s, json_pack("{ss si}", "type", "content_block_stop", "index", 1));
	json_array_foreach (calls_of(s), i, call) {
		anthropic_call(s, call, i);
	}
	event(s, json_pack("{ss s{ss} s{sI}}", "type", "message_delta", "delta", "stop_reason",
		     anthropic_stop(s), "usage", "output_tokens", (json_int_t)output_tokens(s)));
	event(s, json_pack("{ss}", "type", "message_stop"));
}

static void anthropic_whole(struct saying *s)
{
	json_t *content = json_array();
	const json_t *call;
	size_t i;
	struct err e;

	if (s->text.len)
		json_array_append_new(
		    content, json_pack("{ss ss}", "type", "text", "text", buf_str(&s->text)));
	json_array_foreach (calls_of(s), i, call) {
		const char *text = arguments(s, call, is_last(s, i));
		json_t *input = json_read(text, strlen(text), &e);

		json_array_append_new(
		    content, json_pack("{ss ss ss so}", "type", "tool_use", "id",
				 call_id(s, call, i), "name", json_str_or(call, "name", ""),
				 "input", input ? input : json_string(text)));
	}
	say_json(s, json_pack("{ss ss ss ss so ss s{sI sI}}", "id", "msg_fake", "type", "message",
			"role", "assistant", "model", "fake", "content", content, "stop_reason",
			anthropic_stop(s), "usage", "input_tokens", (json_int_t)s->input_tokens,
			"output_tokens", (json_int_t)output_tokens(s)));
}

/* OpenAI. */

static void openai_chunk(struct saying *s, json_t *delta, const char *finish)
{
	event(s, json_pack("{ss ss ss s[{si so ss?}]}", "id", "chatcmpl-fake", "object",
		     "chat.completion.chunk", "model", "fake", "choices", "index", 0, "delta",
		     delta, "finish_reason", finish));
}

static void openai_delta(struct saying *s, const char *text)
{
	openai_chunk(s, json_pack("{ss}", "content", text), NULL);
}

static const char *openai_finish(const struct saying *s)
{
	return json_flag(s->step, "cut")      ? "length"
	       : json_array_size(calls_of(s)) ? "tool_calls"
					      : "stop";
}

static json_t *openai_usage(const struct saying *s)
{
	return json_pack("{sI sI}", "prompt_tokens", (json_int_t)s->input_tokens,
	    "completion_tokens", (json_int_t)output_tokens(s));
}

static json_t *openai_call(struct saying *s, const json_t *call, size_t i)
{
	return json_pack("{si ss ss s{ss ss}}", "index", (int)i, "id", call_id(s, call, i), "type",
	    "function", "function", "name", json_str_or(call, "name", ""), "arguments",
	    arguments(s, call, is_last(s, i)));
}

static void openai_stream(struct saying *s)
{
	static const char done[] = "data: [DONE]\n\n";
	const json_t *call;
	size_t i;

	openai_chunk(s, json_pack("{ss ss}", "role", "assistant", "content", ""), NULL);
	openai_chunk(s, json_pack("{ss}", "reasoning_content", thought(s)), NULL);
	if (!each_delta(s, openai_delta))
		return;
	json_array_foreach (calls_of(s), i, call) {
		openai_chunk(s, json_pack("{s[o]}", "tool_calls", openai_call(s, call, i)), NULL);
	}
	openai_chunk(s, json_object(), openai_finish(s));
	event(s,
	    json_pack("{ss s[] so}", "id", "chatcmpl-fake", "choices", "usage", openai_usage(s)));
	http_sim_body(s->x, done, strlen(done));
}

static void openai_whole(struct saying *s)
{
	json_t *message = json_pack("{ss so}", "role", "assistant", "content",
		   s->text.len ? json_string(buf_str(&s->text)) : json_null()),
	       *list = json_array();
	const json_t *call;
	size_t i;

	json_array_foreach (calls_of(s), i, call) {
		json_array_append_new(list, openai_call(s, call, i));
	}
	if (json_array_size(list))
		json_object_set(message, "tool_calls", list);
	json_decref(list);
	say_json(s,
	    json_pack("{ss s[{si so ss}] so}", "id", "chatcmpl-fake", "choices", "index", 0,
		"message", message, "finish_reason", openai_finish(s), "usage", openai_usage(s)));
}

/* The request. */

static void remember(struct fake_provider *f, const struct http_request *r)
{
	free(f->body);
	f->n = r->body[0].n;
	f->body = mem_alloc(f->n + 1);
	memcpy(f->body, r->body[0].bytes, f->n);
	f->body[f->n] = '\0';
	f->requests++;
}

static int step_number(const struct fake_provider *f)
{
	const char *at = strstr(f->body, "\\\"step\\\":");

	return at ? atoi(at + strlen("\\\"step\\\":")) : f->requests - 1;
}

static const json_t *due(const struct fake_provider *f, int number)
{
	const json_t *steps = json_object_get(f->script, "steps");
	int n = (int)json_array_size(steps);

	if (number >= n && !json_flag(f->script, "repeat"))
		return NULL;
	return json_array_get(steps, (size_t)(number % n));
}

static bool has_key(const struct http_request *r)
{
	for (int i = 0; i < r->nfields; i++)
		if (text_is(r->fields[i].value, "Bearer test-key") ||
		    (text_is(r->fields[i].name, "x-api-key") &&
			text_is(r->fields[i].value, "test-key")))
			return true;
	return false;
}

static void speak(struct saying *s)
{
	bool anthropic = s->f->api == API_ANTHROPIC;

	if (s->stream) {
		start(s, 200);
		if (anthropic)
			anthropic_stream(s);
		else
			openai_stream(s);
	} else if (each_delta(s, NULL)) {
		start(s, 200);
		if (anthropic)
			anthropic_whole(s);
		else
			openai_whole(s);
	}
}

static void play(struct saying *s)
{
	const char *expect = json_str(s->step, "expect");

	if (!s->step)
		refuse(s, 400, "invalid_request_error", "the script has no such step");
	else if (!nap(s->step, "delay_ms"))
		return;
	else if (json_str(s->step, "error"))
		refuse(s, 529, "overloaded_error", json_str(s->step, "error"));
	else if (expect && !strstr(s->f->body, expect))
		refuse(s, 400, "invalid_request_error", "the script expects other words");
	else
		speak(s);
}

void fake_provider_answer(void *self, struct http_sim *x, const struct http_request *r)
{
	struct fake_provider *f = self;
	struct saying s = { .f = f, .x = x, .mem = arena_new() };
	const char *why;

	remember(f, r);
	why = fake_provider_refusal(s.mem, f->api, f->strict, f->body, f->n);
	s.number = step_number(f);
	s.stream = strstr(f->body, "\"stream\":true") != NULL;
	s.input_tokens = (int64_t)f->n / 4;
	s.step = due(f, s.number);
	if (!has_key(r)) {
		refuse(&s, 401, "authentication_error", "invalid key");
	} else if (why) {
		f->refused++;
		snprintf(f->mistake, sizeof(f->mistake), "%s", why);
		refuse(&s, 400, "invalid_request_error", why);
	} else {
		play(&s);
	}
	buf_done(&s.text);
	arena_free(s.mem);
}

void fake_provider_done(struct fake_provider *f)
{
	free(f->body);
	f->body = NULL;
}

/* The number of the step, on its way. */

struct numbering {
	struct model model;
	struct model *inner;
};

static int complete(const struct model *m, const struct model_request *r,
    const struct model_sink *sink, struct arena *mem, struct model_answer *out, struct err *e)
{
	const struct model *inner = container_of(m, struct numbering, model)->inner;
	struct model_request own = *r;
	json_t *state = json_copy((json_t *)(uintptr_t)r->state);

	json_object_set_new(state, "step", json_integer(r->step));
	own.state = json_in(mem, state);
	return inner->class->complete(inner, &own, sink, mem, out, e);
}

static void numbering_free(struct model *m)
{
	struct numbering *n = container_of(m, struct numbering, model);

	n->inner->class->free(n->inner);
	free(n);
}

static const struct model_class numbering_class = {
	.name = "numbering", .complete = complete, .free = numbering_free
};

struct model *fake_provider_model(struct model *inner)
{
	struct numbering *n = mem_new(struct numbering);

	n->model = *inner;
	n->model.class = &numbering_class;
	n->inner = inner;
	return &n->model;
}
