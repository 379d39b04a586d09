#include "script/inside.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

/* JSON as a script sees it.
 *
 * An object or a list of the data is a userdata that borrows the json_t: its members become
 * Lua values when they are read, so a result of a thousand rows costs what is looked
 * at, and no conversion recurses.  Borrowing is safe because nothing a script makes outlives
 * its evaluation.
 *
 * Lists that filter and map make are tables with the same manners: they know their length, nil
 * items included, and refuse to be read outside of it.  Tables written in an expression are plain
 * Lua. */

static const char OBJECT[] = "object", LIST[] = "list", MADE[] = "made list";
static const char length_key; /* its address is the key of a made list's length */

void data_push(lua_State *L, const json_t *j)
{
	switch (j ? json_typeof(j) : JSON_NULL) {
	case JSON_NULL: lua_pushnil(L); break;
	case JSON_TRUE: lua_pushboolean(L, 1); break;
	case JSON_FALSE: lua_pushboolean(L, 0); break;
	case JSON_INTEGER: lua_pushinteger(L, json_integer_value(j)); break;
	case JSON_REAL: lua_pushnumber(L, json_real_value(j)); break;
	case JSON_STRING: lua_pushlstring(L, json_string_value(j), json_string_length(j)); break;
	case JSON_OBJECT:
	case JSON_ARRAY:
		*(const json_t **)lua_newuserdatauv(L, sizeof(j), 0) = j;
		luaL_setmetatable(L, json_is_object(j) ? OBJECT : LIST);
		break;
	}
}

static const json_t *borrowed(lua_State *L, int index)
{
	const json_t **j = luaL_testudata(L, index, OBJECT);

	if (!j)
		j = luaL_testudata(L, index, LIST);
	return j ? *j : NULL;
}

static bool is_made(lua_State *L, int index)
{
	bool made;

	if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index))
		return false;
	luaL_getmetatable(L, MADE);
	made = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return made;
}

static lua_Integer made_length(lua_State *L, int index)
{
	lua_Integer n;

	lua_rawgetp(L, index, &length_key);
	n = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return n;
}

void data_mark_list(lua_State *L, lua_Integer n)
{
	lua_pushinteger(L, n);
	lua_rawsetp(L, -2, &length_key);
	luaL_setmetatable(L, MADE);
}

bool data_is_list(lua_State *L, int index, lua_Integer *n)
{
	const json_t *j = borrowed(L, index);

	if (is_made(L, index))
		*n = made_length(L, index);
	else if (json_is_array(j))
		*n = (lua_Integer)json_array_size(j);
	else if (!j && lua_type(L, index) == LUA_TTABLE)
		*n = (lua_Integer)lua_rawlen(L, index);
	else
		return false;
	return true;
}

const char *data_kind(lua_State *L, int index)
{
	lua_Integer n;

	switch (lua_type(L, index)) {
	case LUA_TSTRING: return "text";
	case LUA_TTABLE:
	case LUA_TUSERDATA: return data_is_list(L, index, &n) ? "a list" : "an object";
	case LUA_TNUMBER: return "a number";
	case LUA_TFUNCTION: return "a function";
	case LUA_TBOOLEAN: return lua_toboolean(L, index) ? "true" : "false";
	default: return "nil";
	}
}

/* Reading what is not there. */

/* "order_id, item, total_cents, ...", on top of the stack */
static void push_keys(lua_State *L, const json_t *object)
{
	enum {
		SHOWN = 12
	};
	const char *key;
	json_t *v;
	int n = 0;

	lua_pushliteral(L, "");
	json_object_foreach (json_unconst(object), key, v) {
		if (n == SHOWN) {
			lua_pushliteral(L, ", ...");
			lua_concat(L, 2);
			return;
		}
		lua_pushfstring(L, "%s%s", n++ ? ", " : "", key);
		lua_concat(L, 2);
	}
	if (!n) {
		lua_pop(L, 1);
		lua_pushliteral(L, "it is empty");
	}
}

static int object_index(lua_State *L)
{
	const json_t *j = borrowed(L, 1), *v;

	if (lua_type(L, 2) != LUA_TSTRING)
		return luaL_error(L, "an object has named keys; %s is none", data_kind(L, 2));
	v = json_object_get(j, lua_tostring(L, 2));
	if (!v) {
		push_keys(L, j);
		return luaL_error(L,
		    "there is no key '%s' (there are: %s); has(t, \"%s\") asks first",
		    lua_tostring(L, 2), lua_tostring(L, -1), lua_tostring(L, 2));
	}
	data_push(L, v);
	return 1;
}

static int outside(lua_State *L, lua_Integer n)
{
	if (!lua_isinteger(L, 2))
		return luaL_error(L, "a list is read by number; %s is none", data_kind(L, 2));
	return luaL_error(L, "there is no item %I: the list has %I",
	    (LUAI_UACINT)lua_tointeger(L, 2), (LUAI_UACINT)n);
}

static int list_index(lua_State *L)
{
	const json_t *j = borrowed(L, 1);
	lua_Integer n = (lua_Integer)json_array_size(j), i = lua_tointeger(L, 2);

	if (!lua_isinteger(L, 2) || i < 1 || i > n)
		return outside(L, n);
	data_push(L, json_array_get(j, (size_t)i - 1));
	return 1;
}

/* The raw read found nothing: a nil item, or none. */
static int made_index(lua_State *L)
{
	lua_Integer n = made_length(L, 1), i = lua_tointeger(L, 2);

	if (!lua_isinteger(L, 2) || i < 1 || i > n)
		return outside(L, n);
	lua_pushnil(L);
	return 1;
}

static int length(lua_State *L)
{
	lua_Integer n;

	if (!data_is_list(L, 1, &n))
		return luaL_error(L, "an object has no length");
	lua_pushinteger(L, n);
	return 1;
}

/* Two reads of one thing are two userdata, and equal. */
static int same(lua_State *L)
{
	const json_t *a = borrowed(L, 1), *b = borrowed(L, 2);

	lua_pushboolean(L, a && a == b);
	return 1;
}

bool data_has(lua_State *L, int index, int key)
{
	const json_t *j = borrowed(L, index);
	lua_Integer n;
	bool there;

	if (j && json_is_object(j)) {
		const json_t *v = lua_type(L, key) == LUA_TSTRING
				      ? json_object_get(j, lua_tostring(L, key))
				      : NULL;

		return v && !json_is_null(v);
	}
	if (lua_isinteger(L, key) && data_is_list(L, index, &n) &&
	    (lua_tointeger(L, key) < 1 || lua_tointeger(L, key) > n))
		return false;
	if (j) {
		const json_t *v = json_array_get(j, (size_t)lua_tointeger(L, key) - 1);

		return lua_isinteger(L, key) && v && !json_is_null(v);
	}
	if (lua_type(L, index) != LUA_TTABLE)
		return false;
	lua_pushvalue(L, key);
	there = lua_rawget(L, index) != LUA_TNIL;
	lua_pop(L, 1);
	return there;
}

static void define(lua_State *L, const char *name, lua_CFunction index)
{
	static const luaL_Reg shared[] = { { "__len", length }, { "__eq", same }, { NULL, NULL } };

	luaL_newmetatable(L, name);
	luaL_setfuncs(L, shared, 0);
	lua_pushcfunction(L, index);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
}

void data_open(lua_State *L)
{
	define(L, OBJECT, object_index);
	define(L, LIST, list_index);
	define(L, MADE, made_index);
}

/* And back. */

static json_t *number_json(lua_State *L, int index, struct err *e)
{
	lua_Number x;

	if (lua_isinteger(L, index))
		return json_integer(lua_tointeger(L, index));
	x = lua_tonumber(L, index);
	if (!isfinite(x)) {
		err_set(e, ERR_INVALID, "the result is no finite number");
		return NULL;
	}
	return json_real(x);
}

static json_t *string_json(lua_State *L, int index, struct err *e)
{
	size_t n;
	const char *s = lua_tolstring(L, index, &n);
	json_t *j = json_stringn(s, n);

	if (!j)
		err_set(e, ERR_INVALID, "the resulting text is no UTF-8");
	return j;
}

static json_t *list_json(lua_State *L, int index, lua_Integer n, int depth, struct err *e)
{
	json_t *list = json_array();

	for (lua_Integer i = 1; i <= n; i++) {
		json_t *item;

		lua_rawgeti(L, index, i);
		item = data_json(L, lua_gettop(L), depth, e);
		lua_pop(L, 1);
		if (!item) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, item);
	}
	return list;
}

static json_t *object_json(lua_State *L, int index, int depth, struct err *e)
{
	json_t *object = json_object();

	lua_pushnil(L);
	while (lua_next(L, index)) {
		json_t *v = NULL;

		if (lua_type(L, -2) == LUA_TSTRING)
			v = data_json(L, lua_gettop(L), depth, e);
		else
			err_set(e, ERR_INVALID, "a resulting table mixes named keys and items");
		if (v && json_object_set_new(object, lua_tostring(L, -2), v) < 0) {
			err_set(e, ERR_INVALID, "a key of the result is no UTF-8");
			v = NULL;
		}
		if (!v) {
			lua_pop(L, 2);
			json_decref(object);
			return NULL;
		}
		lua_pop(L, 1);
	}
	return object;
}

/* A list when it has items or nothing, an object when it has keys. */
static json_t *table_json(lua_State *L, int index, int depth, struct err *e)
{
	lua_Integer n = (lua_Integer)lua_rawlen(L, index);

	if (is_made(L, index))
		return list_json(L, index, made_length(L, index), depth, e);
	lua_pushnil(L);
	for (lua_Integer seen = 0; lua_next(L, index); seen++) {
		lua_pop(L, 1);
		if (seen >= n) {
			lua_pop(L, 1);
			return object_json(L, index, depth, e);
		}
	}
	return list_json(L, index, n, depth, e);
}

json_t *data_json(lua_State *L, int index, int depth, struct err *e)
{
	const json_t *j = borrowed(L, index);

	if (j)
		return json_incref(json_unconst(j));
	if (depth == RESULT_DEPTH_MAX || !lua_checkstack(L, 8)) {
		err_set(e, ERR_INVALID, "the result is nested deeper than %d levels", depth);
		return NULL;
	}
	switch (lua_type(L, index)) {
	case LUA_TNIL: return json_null();
	case LUA_TBOOLEAN: return json_boolean(lua_toboolean(L, index));
	case LUA_TNUMBER: return number_json(L, index, e);
	case LUA_TSTRING: return string_json(L, index, e);
	case LUA_TTABLE: return table_json(L, index, depth + 1, e);
	default:
		err_set(e, ERR_INVALID, "the result is %s, which is no data", data_kind(L, index));
		return NULL;
	}
}
