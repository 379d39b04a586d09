#include "model/builtin_words.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

static const char *const assent[] = { "yes", "yeah", "yep", "yup", "yea", "y", "sure", "ok", "okay",
	"absolutely", "definitely", "certainly", "correct", "confirm", "confirmed", "agreed",
	"agree", "proceed", "go ahead", "do it", "please do", "go for it", "sounds good", "ja",
	"gerne", NULL };

/* What may stand beside a yes and changes nothing. */
static const char *const polite[] = { "please", "thanks", "thank", "you", "that", "thats", "this",
	"is", "it", "its", "im", "i", "id", "we", "the", "a", "my", "me", "to", "for", "of", "and",
	"then", "now", "just", "so", "want", "would", "like", "lets", "very", "much", "all", "both",
	"them", "right", "fine", "good", "great", "perfect", "alright", "well", "still", "really",
	"do", "go", "ahead", "oh", "bitte", "danke", "sounds", NULL };

/* What takes a yes back, or makes it depend on something. */
static const char *const doubt[] = { "but", "if", "unless", "only", "except", "wait", "hold",
	"hang", "maybe", "perhaps", "possibly", "think", "thinking", "unsure", "not", "no", "nope",
	"nah", "never", "none", "neither", "nothing", "dont", "doesnt", "didnt", "cant", "cannot",
	"couldnt", "wont", "wouldnt", "shouldnt", "isnt", "arent", "without", "before", "after",
	"first", "instead", "rather", "later", "until", "till", "although", "however", "though",
	"once", "tomorrow", "changed", "mind", "stop", "keep", "leave", "other", "another",
	"different", "nein", "nicht", "aber", "wenn", "falls", "erst", NULL };

/* Deeds: beside a yes they must be those that were asked about. */
static const char *const deeds[] = { "refund", "cancel", "send", "change", "exchange", "return",
	"delete", "close", "pay", "order", "buy", "charge", "tell", "call", "give", "money", NULL };

static const char *const asking[] = { "what", "whats", "why", "how", "when", "which", "who",
	"where", "does", "did", "was", "wann", "wie", "warum", "wo", NULL };

static const char *const refusal[] = { "no", "nope", "nah", "n", "never", "dont", "stop", "keep",
	"leave", "do not", "not now", "not yet", "not today", "rather not", "id rather not",
	"neither", "none", "i would rather not", "better not", "i dont want", "i do not want",
	"please dont", "please do not", "nevermind", "i changed my mind", "changed my mind",
	"forget it", "nein", NULL };

/* They begin like a refusal and are none. */
static const char *const no_refusal[] = { "no problem", "no worries", "no doubt", "no question",
	"dont know", "dont care", "dont mind", "dont understand", "not sure", "no idea", NULL };

static bool listed(const char *const *list, const char *word)
{
	for (; *list; list++)
		if (!strcmp(*list, word))
			return true;
	return false;
}

/* Reading. */

static bool letter(char c)
{
	return isalnum((unsigned char)c) || (c & 0x80);
}

/* ' and the typographic one */
static size_t apostrophe(const char *s)
{
	if (*s == '\'')
		return 1;
	return strncmp(s, "\xE2\x80\x99", 3) ? 0 : 3;
}

static size_t dash(const char *s)
{
	if (!strncmp(s, "\xE2\x80\x93", 3) || !strncmp(s, "\xE2\x80\x94", 3))
		return 3;
	return 0;
}

static void mark(struct words *w, char c)
{
	w->question |= c == '?';
	if (!w->n)
		return;
	if (strchr(".;!?\n:", c))
		w->ends[w->n - 1] = true;
	else if (c == ',' || c == '-')
		w->pauses[w->n - 1] = true;
}

struct words words_of(struct arena *mem, const char *text)
{
	struct words w = { 0 };
	char *to = arena_alloc(mem, strlen(text) * 2 + 2);
	const char *s = text;

	while (*s) {
		const char *start = to;

		while (*s && (apostrophe(s) || (letter(*s) && !dash(s)))) {
			if (apostrophe(s))
				s += apostrophe(s);
			else
				*to++ = (char)tolower((unsigned char)*s++);
		}
		*to++ = '\0';
		if (*start && w.n == WORDS_MAX) {
			w.too_many = true;
			return w;
		}
		if (*start)
			w.word[w.n++] = start;
		if (*s && dash(s)) {
			mark(&w, '-');
			s += dash(s);
		} else if (*s == '-' && s > text && letter(s[-1]) && letter(s[1])) {
			s++;
		} else if (*s) {
			mark(&w, *s++);
		}
	}
	return w;
}

static void add_words(struct words *to, const struct words *from, int first, int end)
{
	for (int i = first; i < end; i++) {
		to->word[to->n] = from->word[i];
		to->ends[to->n] = from->ends[i];
		to->pauses[to->n++] = from->pauses[i];
	}
}

struct words words_part(const struct words *w, int from, int to)
{
	struct words part = { .question = w->question, .too_many = w->too_many };

	add_words(&part, w, from, to);
	return part;
}

struct words words_without(const struct words *w, int from, int to)
{
	struct words rest = { .question = w->question, .too_many = w->too_many };

	add_words(&rest, w, 0, from);
	if (!from && to < w->n && !strcmp(w->word[to], "and"))
		to++;
	add_words(&rest, w, to, w->n);
	return rest;
}

int words_clause(const struct words *w, int from)
{
	int i = from;

	while (i < w->n) {
		i++;
		if (w->ends[i - 1] || w->pauses[i - 1] || (i < w->n && !strcmp(w->word[i], "and")))
			break;
	}
	return i;
}

/* The words of the phrase at i; how many, 0: not there. */
static int phrase_at(const struct words *w, int i, const char *phrase)
{
	int start = i;

	for (;;) {
		size_t n = strcspn(phrase, " ");

		if (i >= w->n || strlen(w->word[i]) != n || memcmp(w->word[i], phrase, n) != 0)
			return 0;
		i++;
		if (!phrase[n])
			return i - start;
		phrase += n + 1;
	}
}

bool words_hold(const struct words *w, const char *phrase)
{
	for (int i = 0; i < w->n; i++)
		if (phrase_at(w, i, phrase))
			return true;
	return false;
}

bool words_hold_any(const struct words *w, const char *const *list)
{
	for (; *list; list++)
		if (words_hold(w, *list))
			return true;
	return false;
}

static bool begins_with_any(const struct words *w, const char *const *list)
{
	for (; *list; list++)
		if (phrase_at(w, 0, *list))
			return true;
	return false;
}

bool words_mean_all(const struct words *w)
{
	return words_hold(w, "both") || words_hold(w, "all") || words_hold(w, "everything");
}

bool words_ask(const struct words *w)
{
	return w->question || words_hold_any(w, asking) || words_hold(w, "if");
}

/* Yes and no. */

static bool known(const struct words *w, int i, const struct words *question)
{
	if (listed(assent, w->word[i]) || listed(polite, w->word[i]))
		return true;
	for (int k = 0; k < question->n; k++)
		if (!strcmp(question->word[k], w->word[i]))
			return true;
	return false;
}

/* How many words from the beginning are an answer and nothing else. */
static int answering(const struct words *w, const struct words *question)
{
	int i = 0;

	while (i < w->n && known(w, i, question))
		i++;
	return i;
}

/* Is something else begun after the first n words, so that these stand for themselves?
 * "Yes. Where ..."; "yes, and ..."; not "yes refund me", where the yes may go with the rest. */
static bool stands_alone(const struct words *w, int n)
{
	if (n < 1 || n >= w->n)
		return false;
	for (int i = 0; i < n; i++)
		if (w->ends[i] || (i > 0 && !strcmp(w->word[i], "and")))
			return true;
	return !strcmp(w->word[n], "also");
}

static bool other_deed(const struct words *w, const struct words *question)
{
	for (int i = 0; i < w->n; i++)
		if (listed(deeds, w->word[i]) && !known(w, i, question))
			return true;
	return false;
}

static bool is_yes(const struct words *w, const struct yes_no_hints *hints, bool *whole)
{
	int n = answering(w, hints->question);

	*whole = w->n && n == w->n && !w->question;
	if (w->too_many || words_hold_any(w, doubt))
		return false;
	if (*whole && hints->several && words_mean_all(w))
		return true;
	if (!words_hold_any(w, assent))
		return false;
	if (*whole)
		return !words_hold_any(w, asking);
	if (hints->others)
		return begins_with_any(w, assent) && stands_alone(w, n);
	return begins_with_any(w, assent) && !words_ask(w) &&
	       (hints->same || (hints->says_yes && !other_deed(w, hints->question)));
}

static bool is_no(const struct words *w, const struct yes_no_hints *hints, bool *whole)
{
	static const char *const insists[] = { "yes", "yeah", "sure", "go ahead", "do it", NULL };
	static const char *const negates[] = { "dont", "not", "keep", "never", "stop", "leave",
		NULL };

	*whole = w->n <= 4;
	if (w->too_many || words_hold_any(w, no_refusal) || words_hold_any(w, insists))
		return false;
	/* "No, I said cancel it" is no refusal of cancelling. */
	if (hints->same && !words_hold_any(w, negates))
		return false;
	if (begins_with_any(w, refusal))
		return true;
	return hints->says_no && !words_hold_any(w, assent) && !words_ask(w);
}

enum yes_no words_yes_no(const struct words *w, const struct yes_no_hints *hints, bool *whole)
{
	if (is_yes(w, hints, whole))
		return YES;
	return is_no(w, hints, whole) ? NO : UNCLEAR;
}

/* One of several. */

static int ordinal(const struct words *w, int n)
{
	static const char *const names[][4] = { { "first", "1st", "former", "erste" },
		{ "second", "2nd", "zweite", "" }, { "third", "3rd", "dritte", "" },
		{ "fourth", "4th", "vierte", "" }, { "fifth", "5th", "", "" } };
	int found = -1;

	for (int i = 0; i < w->n; i++) {
		const char *s = w->word[i];
		int which = -1;

		for (int k = 0; k < 5; k++)
			for (int j = 0; j < 4; j++)
				if (!strcmp(s, names[k][j]))
					which = k;
		if (!strcmp(s, "last") || !strcmp(s, "latter") || !strcmp(s, "letzte"))
			which = n - 1;
		if (w->n <= 3 && s[0] >= '1' && s[0] <= '9' && !s[1])
			which = s[0] - '1';
		if (which < 0)
			continue;
		if ((found >= 0 && found != which) || which >= n)
			return -2;
		found = which;
	}
	return found;
}

static bool same_word(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	if (n > 3 && a[n - 1] == 's')
		n--;
	if (m > 3 && b[m - 1] == 's')
		m--;
	return n == m && !memcmp(a, b, n);
}

static bool said_so(const struct words *said, const char *word)
{
	for (int i = 0; i < said->n; i++)
		if (same_word(said->word[i], word))
			return true;
	return false;
}

int words_likeness(struct arena *mem, const struct words *said, const char *label)
{
	static const char *const common[] = { "the", "and", "for", "with", "one", "from", NULL };
	struct words w = words_of(mem, label);
	int n = 0;

	for (int i = 0; i < w.n; i++)
		n += strlen(w.word[i]) >= 3 && !listed(common, w.word[i]) &&
		     said_so(said, w.word[i]);
	return n;
}

static int named(struct arena *mem, const struct words *w, const json_t *options)
{
	int best = -1, most = 0;
	const json_t *v;
	size_t i;

	json_array_foreach (options, i, v) {
		int n = words_likeness(mem, w, json_str_or(v, "label", ""));

		if (n > most) {
			most = n;
			best = (int)i;
		} else if (n == most) {
			best = -1;
		}
	}
	return best;
}

int words_option(struct arena *mem, const struct words *w, const json_t *options)
{
	static const char *const except[] = { "not", "no", "neither", "none", "dont", "except",
		"but", "or", NULL };
	int by_number = ordinal(w, (int)json_array_size(options)), by_name = named(mem, w, options);

	if (w->too_many || words_hold_any(w, except) || by_number == -2)
		return -1;
	if (by_number >= 0 && by_name >= 0 && by_number != by_name)
		return -1;
	return by_number >= 0 ? by_number : by_name;
}
