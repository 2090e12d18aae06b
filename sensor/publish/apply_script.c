#include "sensor/publish/apply_script.h"

/* The assembler puts the files there as they are, one after the other: they are parts of one script, cut to be read. Nothing is
 * generated. Paths are relative to the root of the sources, which CMakeLists.txt makes known to the assembler. */
__asm__(".pushsection .rodata, \"a\", %progbits\n"
        ".global waxseal_apply_lua\n"
        ".hidden waxseal_apply_lua\n"
        "waxseal_apply_lua:\n"
        ".incbin \"sensor/publish/apply.lua\"\n"
        ".incbin \"sensor/publish/apply_buckets.lua\"\n"
        ".incbin \"sensor/publish/apply_views.lua\"\n"
        ".global waxseal_apply_lua_end\n"
        ".hidden waxseal_apply_lua_end\n"
        "waxseal_apply_lua_end:\n"
        ".byte 0\n"
        ".popsection\n");

__attribute__((visibility("hidden"))) extern const char waxseal_apply_lua[];
__attribute__((visibility("hidden"))) extern const char waxseal_apply_lua_end[];

const char *apply_script(size_t *length)
{
    *length = (size_t)(waxseal_apply_lua_end - waxseal_apply_lua);
    return waxseal_apply_lua;
}
