#include "sensor/track/stores.h"

#include <stdlib.h>

enum { NONE = 0 };

enum { LIST_HELLOS, LIST_OTHERS };

struct stores_loan {
    struct tls_record *framer;
    uint32_t older; /* neighbours in the list, by the time of lending */
    uint32_t newer;
    uint8_t list;
};

bool stores_open(struct stores *s, uint32_t count, uint32_t bytes)
{
    *s = (struct stores){0};
    s->loans = calloc((size_t)count + 1, sizeof *s->loans);
    return s->loans != NULL && pool_open(&s->rooms, count, bytes);
}

void stores_close(struct stores *s)
{
    pool_close(&s->rooms);
    free(s->loans);
    s->loans = NULL;
}

static uint32_t number_of(const struct stores *s, const uint8_t *room)
{
    return (uint32_t)((size_t)(room - s->rooms.blocks) / s->rooms.block_bytes) + 1;
}

static void link_newest(struct stores *s, uint32_t number)
{
    struct stores_loan *loan = &s->loans[number];
    struct stores_list *list = &s->lists[loan->list];
    loan->older = list->newest;
    loan->newer = NONE;
    if (list->newest != NONE)
        s->loans[list->newest].newer = number;
    else
        list->oldest = number;
    list->newest = number;
}

static void unlink_loan(struct stores *s, uint32_t number)
{
    struct stores_loan *loan = &s->loans[number];
    struct stores_list *list = &s->lists[loan->list];
    if (loan->older != NONE)
        s->loans[loan->older].newer = loan->newer;
    else
        list->oldest = loan->newer;
    if (loan->newer != NONE)
        s->loans[loan->newer].older = loan->older;
    else
        list->newest = loan->older;
}

bool stores_lend(struct stores *s, struct tls_record *framer, bool hello)
{
    uint8_t *room = pool_take(&s->rooms);
    bool spare = room != NULL;
    if (!spare) {
        uint32_t hellos = s->lists[LIST_HELLOS].oldest;
        uint32_t oldest = hellos != NONE ? hellos : s->lists[LIST_OTHERS].oldest;
        if (oldest == NONE)
            return false;
        stores_take_back(s, s->loans[oldest].framer);
        room = pool_take(&s->rooms);
    }
    uint32_t number = number_of(s, room);
    s->loans[number].framer = framer;
    s->loans[number].list = hello ? LIST_HELLOS : LIST_OTHERS;
    link_newest(s, number);
    framer->store = room;
    framer->store_cap = (uint32_t)s->rooms.block_bytes;
    return spare;
}

void stores_take_back(struct stores *s, struct tls_record *framer)
{
    if (framer->store == NULL)
        return;
    unlink_loan(s, number_of(s, framer->store));
    pool_give(&s->rooms, framer->store);
    framer->store = NULL;
    framer->store_cap = 0;
    framer->store_used = 0;
}
