#include "script/inside.h"

#include "base/mem.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The closed list of functions.
 *
 * To add one: write a lua_CFunction and add a row to `functions`.  It gets what the sandbox
 * has, so it checks its arguments and says in words what it expected; it never allocates
 * outside of Lua (an error is a longjmp); and work that grows with its arguments is paid for with
 * spend(), because the budget of instructions does not see C. */

void spend(lua_State *L, int64_t n)
{
	struct run *run = run_of(L);

	if (n > run->instructions_left)
		luaL_error(L, "it takes more than %d steps", INSTRUCTIONS_MAX);
	run->instructions_left -= (int)n;
}

static lua_Integer need_list(lua_State *L, const char *who)
{
	lua_Integer n;

	if (!data_is_list(L, 1, &n))
		return luaL_error(L, "%s: expected a list, got %s", who, data_kind(L, 1));
	spend(L, n);
	return n;
}

static void need_function(lua_State *L, const char *who)
{
	if (lua_type(L, 2) != LUA_TFUNCTION)
		luaL_error(
		    L, "%s: expected a function behind the list, got %s", who, data_kind(L, 2));
}

/* f(item, i) of the list at 1; its one result is on top. */
static void call(lua_State *L, lua_Integer i)
{
	struct run *run = run_of(L);

	if (run->callbacks == CALLBACKS_MAX)
		luaL_error(L, "functions call each other more than %d levels deep", CALLBACKS_MAX);
	run->callbacks++;
	lua_pushvalue(L, 2);
	lua_geti(L, 1, i);
	lua_pushinteger(L, i);
	lua_call(L, 2, 1);
	run->callbacks--;
}

/* A condition is true, false or nil: a 0 of SQL must be compared, for in Lua it is true. */
static bool holds(lua_State *L, const char *who, lua_Integer i)
{
	bool yes;

	call(L, i);
	if (!lua_isboolean(L, -1) && !lua_isnil(L, -1))
		luaL_error(L,
		    "%s: the function gives %s for item %I, not true or false; compare it (== 1)",
		    who, data_kind(L, -1), (LUAI_UACINT)i);
	yes = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return yes;
}

static int fn_any(lua_State *L)
{
	lua_Integer n = need_list(L, "any");
	bool found = false;

	need_function(L, "any");
	for (lua_Integer i = 1; i <= n && !found; i++)
		found = holds(L, "any", i);
	lua_pushboolean(L, found);
	return 1;
}

static int fn_all(lua_State *L)
{
	lua_Integer n = need_list(L, "all");
	bool all = true;

	need_function(L, "all");
	for (lua_Integer i = 1; i <= n && all; i++)
		all = holds(L, "all", i);
	lua_pushboolean(L, all);
	return 1;
}

static int fn_filter(lua_State *L)
{
	lua_Integer n = need_list(L, "filter"), kept = 0;

	need_function(L, "filter");
	lua_newtable(L);
	for (lua_Integer i = 1; i <= n; i++)
		if (holds(L, "filter", i)) {
			lua_geti(L, 1, i);
			lua_rawseti(L, -2, ++kept);
		}
	data_mark_list(L, kept);
	return 1;
}

static int fn_map(lua_State *L)
{
	lua_Integer n = need_list(L, "map");

	need_function(L, "map");
	lua_newtable(L);
	for (lua_Integer i = 1; i <= n; i++) {
		call(L, i);
		lua_rawseti(L, -2, i);
	}
	data_mark_list(L, n);
	return 1;
}

/* count(list), count(list, f) */
static int fn_count(lua_State *L)
{
	lua_Integer n = need_list(L, "count"), counted = 0;

	if (lua_isnoneornil(L, 2)) {
		lua_pushinteger(L, n);
		return 1;
	}
	need_function(L, "count");
	for (lua_Integer i = 1; i <= n; i++)
		counted += holds(L, "count", i);
	lua_pushinteger(L, counted);
	return 1;
}

/* sum(list), sum(list, f): whole numbers stay whole. */
static int fn_sum(lua_State *L)
{
	lua_Integer n = need_list(L, "sum"), whole = 0;
	lua_Number total = 0;
	bool is_whole = true, by_function = !lua_isnoneornil(L, 2);

	if (by_function)
		need_function(L, "sum");
	for (lua_Integer i = 1; i <= n; i++) {
		if (by_function)
			call(L, i);
		else
			lua_geti(L, 1, i);
		if (lua_type(L, -1) != LUA_TNUMBER)
			return luaL_error(L, "sum: item %I is %s, not a number", (LUAI_UACINT)i,
			    data_kind(L, -1));
		total += lua_tonumber(L, -1);
		is_whole = is_whole && lua_isinteger(L, -1) &&
			   !__builtin_add_overflow(whole, lua_tointeger(L, -1), &whole);
		lua_pop(L, 1);
	}
	if (is_whole)
		lua_pushinteger(L, whole);
	else
		lua_pushnumber(L, total);
	return 1;
}

static int fn_has(lua_State *L)
{
	lua_settop(L, 2);
	if (lua_isnil(L, 2))
		return luaL_error(L, "has: expected a key behind the object, got nil");
	lua_pushboolean(L, data_has(L, 1, 2));
	return 1;
}

/* one_of(x, a, b, ...), one_of(x, list) */
static int fn_one_of(lua_State *L)
{
	lua_Integer n;
	bool found = false;

	if (lua_gettop(L) == 2 && data_is_list(L, 2, &n)) {
		spend(L, n);
		for (lua_Integer i = 1; i <= n && !found; i++) {
			lua_geti(L, 2, i);
			found = lua_compare(L, 1, -1, LUA_OPEQ);
			lua_pop(L, 1);
		}
	}
	for (int i = 2; i <= lua_gettop(L) && !found; i++)
		found = lua_compare(L, 1, i, LUA_OPEQ);
	lua_pushboolean(L, found);
	return 1;
}

/* Two bytes that are an upper-case letter of Latin-1, Greek or Cyrillic, as lower case. */
static void lower_pair(unsigned char *s)
{
	unsigned c = (unsigned)(s[0] & 0x1F) << 6 | (s[1] & 0x3F);

	if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) ||
	    (c >= 0x410 && c <= 0x42F))
		c += 0x20;
	else if (c >= 0x400 && c <= 0x40F)
		c += 0x50;
	s[0] = (unsigned char)(0xC0 | c >> 6);
	s[1] = (unsigned char)(0x80 | (c & 0x3F));
}

static int fn_lower(lua_State *L)
{
	luaL_Buffer b;
	size_t n;
	const char *s;
	unsigned char *out;

	if (lua_type(L, 1) != LUA_TSTRING)
		return luaL_error(L, "lower: expected text, got %s", data_kind(L, 1));
	s = lua_tolstring(L, 1, &n);
	spend(L, (int64_t)n / 16);
	out = (unsigned char *)luaL_buffinitsize(L, &b, n);
	memcpy(out, s, n);
	for (size_t i = 0; i < n; i++) {
		if (out[i] >= 'A' && out[i] <= 'Z')
			out[i] += 'a' - 'A';
		else if (out[i] >= 0xC3 && out[i] <= 0xDF && i + 1 < n)
			lower_pair(out + i++);
	}
	luaL_pushresultsize(&b, n);
	return 1;
}

/* join(list), join(list, ", "), join(list, ", ", " and ") */
static int fn_join(lua_State *L)
{
	lua_Integer n = need_list(L, "join");
	const char *between = luaL_optstring(L, 2, ", "), *last = luaL_optstring(L, 3, between);
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	for (lua_Integer i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addstring(&b, i == n ? last : between);
		lua_geti(L, 1, i);
		if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
			return luaL_error(
			    L, "join: item %I is %s, not text", (LUAI_UACINT)i, data_kind(L, -1));
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	return 1;
}

/* The smallest (sign -1) or largest (+1) of the arguments, or of one list. */
static int extreme(lua_State *L, const char *who, int sign)
{
	lua_Integer n = lua_gettop(L), items = 0;
	bool of_list = n == 1 && data_is_list(L, 1, &items);

	if (of_list)
		n = need_list(L, who);
	if (!n)
		return luaL_error(L, "%s: there is nothing to choose from", who);
	lua_pushnil(L);
	for (lua_Integer i = 1; i <= n; i++) {
		if (of_list)
			lua_geti(L, 1, i);
		else
			lua_pushvalue(L, (int)i);
		if (lua_type(L, -1) != LUA_TNUMBER)
			return luaL_error(L, "%s: %s is not a number (item %I)", who,
			    data_kind(L, -1), (LUAI_UACINT)i);
		if (lua_isnil(L, -2) || (sign < 0 ? lua_compare(L, -1, -2, LUA_OPLT)
						  : lua_compare(L, -2, -1, LUA_OPLT)))
			lua_replace(L, -2);
		else
			lua_pop(L, 1);
	}
	return 1;
}

static int fn_min(lua_State *L)
{
	return extreme(L, "min", -1);
}

static int fn_max(lua_State *L)
{
	return extreme(L, "max", 1);
}

/* round(x) is whole; round(x, 2) has two digits. Halves go away from zero. */
static int fn_round(lua_State *L)
{
	lua_Integer digits = luaL_optinteger(L, 2, 0);
	lua_Number x, scale;

	if (lua_type(L, 1) != LUA_TNUMBER)
		return luaL_error(L, "round: expected a number, got %s", data_kind(L, 1));
	if (digits < 0 || digits > 9)
		return luaL_error(L, "round: digits are 0 to 9");
	scale = pow(10, (double)digits);
	x = round(lua_tonumber(L, 1) * scale);
	if (digits > 0)
		lua_pushnumber(L, x / scale);
	else if (x >= -9007199254740992.0 && x <= 9007199254740992.0)
		lua_pushinteger(L, (lua_Integer)x);
	else
		lua_pushnumber(L, x);
	return 1;
}

/* Money. */

struct currency currency_named(const char *code)
{
	static const struct currency signs[] = {
		{ "USD", "$", 2 },
		{ "EUR", "€", 2 },
		{ "GBP", "£", 2 },
		{ "JPY", "¥", 0 },
		{ "CHF", NULL, 2 },
		{ "KRW", "₩", 0 },
		{ "CLP", NULL, 0 },
		{ "ISK", NULL, 0 },
		{ "VND", NULL, 0 },
		{ "BHD", NULL, 3 },
		{ "JOD", NULL, 3 },
		{ "KWD", NULL, 3 },
		{ "OMR", NULL, 3 },
		{ "TND", NULL, 3 },
	};

	for (size_t i = 0; i < array_len(signs); i++)
		if (!strcmp(signs[i].code, code))
			return signs[i];
	return (struct currency){ code, NULL, 2 };
}

/* 1234567 as "1,234,567" */
static void grouped(char out[32], uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), to = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[to++] = ',';
		out[to++] = digits[i];
	}
	out[to] = '\0';
}

static int fn_money(lua_State *L)
{
	const struct currency *c = &run_of(L)->script->currency;
	char units[32], rest[8] = "";
	lua_Integer cents;
	uint64_t size, scale = 1;
	int is_whole;

	cents = lua_tointegerx(L, 1, &is_whole);
	if (lua_type(L, 1) != LUA_TNUMBER || !is_whole)
		return luaL_error(
		    L, "money: expected a whole number of cents, got %s", data_kind(L, 1));
	for (int i = 0; i < c->digits; i++)
		scale *= 10;
	size = cents < 0 ? 0 - (uint64_t)cents : (uint64_t)cents;
	grouped(units, size / scale);
	if (c->digits)
		snprintf(rest, sizeof(rest), ".%0*u", c->digits, (unsigned)(size % scale));
	lua_pushfstring(L, "%s%s%s%s%s", cents < 0 ? "-" : "", c->sign ? c->sign : c->code,
	    c->sign ? "" : " ", units, rest);
	return 1;
}

/* Days. */

static bool digits(const char *s, int n, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		*out = *out * 10 + (s[i] - '0');
	}
	return true;
}

static int month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* "2026-12-01", or a time that begins so: "December 1, 2026" */
static int fn_date(lua_State *L)
{
	static const char *const months[] = { "January", "February", "March", "April", "May",
		"June", "July", "August", "September", "October", "November", "December" };
	const char *s = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL;
	int year, month, day;

	if (!s)
		return luaL_error(
		    L, "date: expected a day like \"2026-12-01\", got %s", data_kind(L, 1));
	if (!digits(s, 4, &year) || s[4] != '-' || !digits(s + 5, 2, &month) || s[7] != '-' ||
	    !digits(s + 8, 2, &day) || (s[10] && s[10] != 'T' && s[10] != ' ') || month < 1 ||
	    month > 12 || day < 1 || day > month_days(year, month))
		return luaL_error(L, "date: expected a day like \"2026-12-01\", got \"%s\"", s);
	lua_pushfstring(L, "%s %d, %d", months[month - 1], day, year);
	return 1;
}

static const luaL_Reg functions[] = {
	{ "all", fn_all },
	{ "any", fn_any },
	{ "count", fn_count },
	{ "date", fn_date },
	{ "filter", fn_filter },
	{ "has", fn_has },
	{ "join", fn_join },
	{ "lower", fn_lower },
	{ "map", fn_map },
	{ "max", fn_max },
	{ "min", fn_min },
	{ "money", fn_money },
	{ "one_of", fn_one_of },
	{ "round", fn_round },
	{ "sum", fn_sum },
	{ NULL, NULL },
};

bool function_known(const char *name, size_t n)
{
	for (const luaL_Reg *f = functions; f->name; f++)
		if (strlen(f->name) == n && !memcmp(f->name, name, n))
			return true;
	return false;
}

const char *function_name(size_t i)
{
	return i < array_len(functions) ? functions[i].name : NULL;
}

void functions_open(lua_State *L)
{
	luaL_newlib(L, functions);
}
