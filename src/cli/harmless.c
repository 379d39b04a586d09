#include "cli/harmless.h"

#include "base/buf.h"

/* U+0080 to U+009F are control characters too; U+202A to U+202E, U+2066 to U+2069, U+200E, U+200F
 * and U+061C turn the direction around. */
static size_t harmful(const unsigned char *s)
{
	if (*s < 0x20 || *s == 0x7f)
		return *s != '\n' && *s != '\t' ? 1 : 0;
	if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f)
		return 2;
	if (s[0] == 0xd8 && s[1] == 0x9c)
		return 2;
	if (s[0] != 0xe2)
		return 0;
	if (s[1] == 0x80 && ((s[2] >= 0xaa && s[2] <= 0xae) || s[2] == 0x8e || s[2] == 0x8f))
		return 3;
	return s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9 ? 3 : 0;
}

const char *harmless(struct arena *mem, const char *text)
{
	struct buf out = { 0 };
	const char *clean;

	while (*text) {
		size_t n = harmful((const unsigned char *)text);

		if (n)
			buf_adds(&out, "\xef\xbf\xbd"); /* U+FFFD */
		else
			buf_add(&out, text, n = 1);
		text += n;
	}
	clean = arena_strndup(mem, buf_str(&out), out.len);
	buf_done(&out);
	return clean;
}
