#ifndef TOOL_HTTP_H
#define TOOL_HTTP_H

#include "tool/tool.h"

/* The kind `http`: a request to a host of the company's.
 *
 *     http:
 *       method: POST
 *       url: "https://pay.example/orders/{order_id}/refunds"
 *       headers: { Authorization: "Bearer ${PAY_KEY}" }
 *       body: { cents: "{amount_cents}", customer: "{customer.id}" }
 *       result: "{ refund = body.id, cents = body.amount }"
 *
 * Values go where a name stands (http_template.h), written as the place wants it: encoded in the
 * URL, where none may lead to another path; without control characters in a header; in `body`
 * with their own type when they are all of a text.  An argument that was left out takes its member
 * of `query`, `headers`, `form` or `body` with it; within a longer text it is nothing.
 *
 * The host stands in the configuration and is among `http: { allow: [...] }`; no redirect is
 * followed.  What came back is JSON or text, or what the Lua expression `result` makes of `status`,
 * `body`, `headers`, `args` and `customer`.  A page of HTML is never handed on.  What does not
 * exist and what is forbidden are the same words.  Values from the environment never come back.
 *
 * A write is sent once.  With `idempotent: true` each attempt has the call's key in the header
 * Idempotency-Key, and one that was not answered, or with 5xx, is made again once.  A failure after
 * which it may have been done is TOOL_UNKNOWN; only where the backend knows keys and said that it
 * failed, the call may be made again. */

extern const struct tool_kind http_tool_kind;

#endif
