#include "base/mem.h"
#include "base/text.h"
#include "model/provider_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a provider's error means, by its type and code wherever it has them.  The lists are of what
 * providers send; a type that is in none goes by the status. */

#define RETRY_MOST_MS 3600000

static const struct {
	const char *word; /* a type or a code */
	enum model_fault fault;
} words[] = {
	{ "context_length_exceeded", MODEL_FAULT_CONTEXT },
	{ "exceed_context_size_error", MODEL_FAULT_CONTEXT }, /* llama.cpp */
	{ "model_context_window_exceeded", MODEL_FAULT_CONTEXT },
	{ "context_window_exceeded", MODEL_FAULT_CONTEXT },
	{ "insufficient_quota", MODEL_FAULT_ACCOUNT },
	{ "billing_hard_limit_reached", MODEL_FAULT_ACCOUNT },
	{ "enforced_spend_limit_reached", MODEL_FAULT_ACCOUNT },
	{ "contract_spend_limit_reached", MODEL_FAULT_ACCOUNT },
	{ "authentication_error", MODEL_FAULT_ACCOUNT },
	{ "invalid_api_key", MODEL_FAULT_ACCOUNT },
	{ "billing_error", MODEL_FAULT_ACCOUNT },
	{ "permission_error", MODEL_FAULT_ACCOUNT },
	{ "tool_use_failed", MODEL_FAULT_NETWORK }, /* Groq: the model wrote a call that is none */
	{ "content_filter", MODEL_FAULT_REFUSED },  /* Azure: of the prompt */
	{ "content_policy_violation", MODEL_FAULT_REFUSED },
	{ "overloaded_error", MODEL_FAULT_BUSY },
	{ "rate_limit_error", MODEL_FAULT_BUSY },
	{ "rate_limit_exceeded", MODEL_FAULT_BUSY },
	{ "invalid_request_error", MODEL_FAULT_REQUEST },
	{ "not_found_error", MODEL_FAULT_REQUEST },
	{ "request_too_large", MODEL_FAULT_REQUEST },
	{ "api_error", MODEL_FAULT_NETWORK },
	{ "timeout_error", MODEL_FAULT_NETWORK },
	{ "server_error", MODEL_FAULT_NETWORK },
};

static enum model_fault by_word(const char *word)
{
	for (size_t i = 0; word && i < array_len(words); i++)
		if (text_is(words[i].word, word))
			return words[i].fault;
	return MODEL_FAULT_NONE;
}

static enum model_fault by_status(int status)
{
	switch (status) {
	case 401:
	case 402:
	case 403: return MODEL_FAULT_ACCOUNT;
	case 429:
	case 503:
	case 529: return MODEL_FAULT_BUSY;
	case 408:
	case 409: return MODEL_FAULT_NETWORK;
	}
	return status >= 300 && status < 500 ? MODEL_FAULT_REQUEST : MODEL_FAULT_NETWORK;
}

/* Anthropic and vLLM say in words alone that the prompt was too long. */
static bool says_too_long(const struct provider_said *s)
{
	return s->message && (text_starts(s->message, "prompt is too long") ||
				 strstr(s->message, "maximum context length"));
}

/* In a stream the status is 200 whatever happened; some put theirs into the code. */
static int status_of(const struct provider_said *s)
{
	int code = s->code ? atoi(s->code) : 0;

	return s->status == 200 && code >= 400 && code < 600 ? code : s->status;
}

static enum model_fault said(const struct provider_said *s)
{
	int status = status_of(s);
	enum model_fault code = by_word(s->code), type = by_word(s->type);

	if (code != MODEL_FAULT_NONE)
		return code;
	if ((status == 400 || status == 413 || status == 200) && says_too_long(s))
		return MODEL_FAULT_CONTEXT;
	/* A type is broader than a status, unless it is one of those that say more. */
	if (type == MODEL_FAULT_CONTEXT || type == MODEL_FAULT_ACCOUNT || status == 200)
		return type != MODEL_FAULT_NONE ? type : MODEL_FAULT_NETWORK;
	return by_status(status);
}

enum model_fault provider_fault(const struct provider_said *s)
{
	enum model_fault fault = said(s);
	bool again = fault == MODEL_FAULT_NETWORK || fault == MODEL_FAULT_BUSY;

	if (text_is(s->should_retry, "false") && again)
		return MODEL_FAULT_REQUEST;
	if (text_is(s->should_retry, "true") && fault == MODEL_FAULT_REQUEST)
		return MODEL_FAULT_BUSY;
	return fault;
}

/* A number, -1: it is none. */
static double number(const char *s)
{
	char *end;
	double v = s && *s ? strtod(s, &end) : -1;

	return s && *s && !*end && isfinite(v) && v >= 0 ? v : -1;
}

static int64_t date_ms(const char *s)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%a, %d %b %Y %H:%M:%S GMT", &tm);

	return end && !*end ? (int64_t)timegm(&tm) * 1000 : -1;
}

static int64_t at_most(double ms)
{
	return ms < RETRY_MOST_MS ? (int64_t)ms : RETRY_MOST_MS;
}

int64_t provider_retry_ms(const struct provider_said *s)
{
	double ms = number(s->retry_after_ms), seconds = number(s->retry_after);
	int64_t date;

	if (ms >= 0)
		return at_most(ms);
	if (seconds >= 0)
		return at_most(seconds * 1000);
	date = s->retry_after ? date_ms(s->retry_after) : -1;
	if (date < 0) /* 429 without a time may be a limit for the month: not now, then */
		return status_of(s) == 429 && !text_is(s->should_retry, "true") &&
			       provider_fault(s) == MODEL_FAULT_BUSY
			   ? RETRY_MOST_MS
			   : -1;
	return date > s->now ? at_most((double)(date - s->now)) : 0;
}
