#include "setup/duration.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST 1000000 /* of any unit */

int64_t duration_ms(const json_t *v)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	const char *s = json_string_value(v);
	size_t digits;
	double n;

	if (json_is_number(v)) {
		n = json_number_value(v);
		return n >= 0 && n <= LONGEST ? (int64_t)(n * 1000) : -1;
	}
	if (!s)
		return -1;
	digits = strspn(s, "0123456789");
	if (!digits || digits > 6)
		return -1;
	for (size_t i = 0; i < array_len(units); i++)
		if (text_is(s + digits, units[i].name))
			return strtol(s, NULL, 10) * units[i].ms;
	return -1;
}
