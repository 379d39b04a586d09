#include "tool/names.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/text.h"

#include <string.h>

#define CUSTOMER "customer."

static const char *const known[] = { "customer.id", "customer.name", "customer.email",
	"customer.tier", "conversation.id" };

static bool is_known(const json_t *parameters, const char *name)
{
	for (size_t i = 0; i < array_len(known); i++) {
		if (text_is(known[i], name))
			return true;
	}
	return json_object_get(json_object_get(parameters, "properties"), name) != NULL;
}

int names_check(const json_t *parameters, const char *name, const char *written, struct err *e)
{
	json_t *properties = json_object_get(parameters, "properties"), *v;
	struct nearest near = nearest_to(name);
	const char *key;
	char hint[100];

	if (is_known(parameters, name))
		return 0;
	if (text_starts(name, CUSTOMER))
		return err_set(e, ERR_INVALID,
		    "no such field of the customer: %s (there are customer.id, .name, .email and "
		    ".tier)",
		    name);
	for (size_t i = 0; i < array_len(known); i++)
		nearest_try(&near, known[i]);
	json_object_foreach (properties, key, v) {
		nearest_try(&near, key);
	}
	return err_set(e, ERR_INVALID, "%s is not among the parameters of the tool%s", written,
	    nearest_hint(&near, hint, sizeof(hint)));
}

bool names_optional(const json_t *parameters, const char *name)
{
	json_t *required = json_object_get(parameters, "required"), *one;
	size_t i;

	if (!json_object_get(json_object_get(parameters, "properties"), name))
		return false;
	json_array_foreach (required, i, one) {
		if (text_is(json_string_value(one), name))
			return false;
	}
	return true;
}

/* NULL: the server does not know it. */
static const json_t *of_customer(const struct tool_call *call, const char *field)
{
	const struct caller *who = call->caller;
	const json_t *v;

	if (text_is(field, "id"))
		return json_in(call->mem, json_string(who->customer_id));
	v = json_object_get(who->customer, field);
	return json_is_null(v) ? NULL : v;
}

int names_value(const struct tool_call *call, const char *name, const json_t **value,
    struct tool_result *result)
{
	const char *field = name + strlen(CUSTOMER);

	if (text_is(name, "conversation.id")) {
		*value = json_in(call->mem, json_string(call->caller->conversation));
		if (*value)
			return 0;
		tool_failed(result, call->mem, false, "there is no conversation");
		return -1;
	}
	if (!text_starts(name, CUSTOMER)) {
		*value = json_object_get(call->arguments, name);
		return 0;
	}
	*value = call->caller->customer_id ? of_customer(call, field) : NULL;
	if (*value)
		return 0;
	if (!call->caller->customer_id)
		tool_failed(result, call->mem, false, "no customer is known in this conversation");
	else
		tool_failed(result, call->mem, false, "the %s of the customer is not known", field);
	return -1;
}
