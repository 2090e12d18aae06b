/* load_capture.h - the TCP packets of a small capture, as the load generator copies them; and mail put into
 * them. For make_load alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MICROSECONDS = 1000000, ETHERNET_BYTES = 14 };

struct packet {
    uint64_t offset_us; /* since the capture's first packet */
    uint32_t length;
    uint32_t client;         /* number of the client within its capture */
    uint32_t client_address; /* offset of the client's address in the frame */
    uint32_t tcp;            /* offset of the TCP header */
    uint32_t payload;        /* offset of the payload */
    uint32_t payload_bytes;
    uint8_t address_bytes; /* 4 or 16 */
    bool from_client;
    bool closing; /* the first FIN or RST, or behind it */
    uint8_t *bytes;
};

struct capture {
    struct packet *packets;
    size_t count;
    size_t open_count;  /* packets before the first FIN or RST, up to protected data of both sides */
    size_t first_words; /* packets up to the client's first payload, this one included */
    size_t sessions;
    uint32_t clients;
    bool data[2]; /* protected data was sent; by from_client */
    uint64_t duration_us;
    uint8_t (*addresses)[16]; /* of the clients, by number */
};

/* load_capture - read the TCP packets of a capture (Ethernet, VLAN tags allowed; whatever else it holds is
 * left out). Ends the program where the file cannot be read. */
struct capture load_capture(const char *path);

/* load_insert_mail - put so many octets more into the mail: lines behind the server's 354, or records under
 * protection before the end. In segments of 1460 octets, every fourth acknowledged; sequence numbers behind
 * it are put right. Returns false where the capture has no place for mail (or is not IPv4). */
bool load_insert_mail(struct capture *c, uint64_t octets);

/* load_fail - say why and end the program. */
__attribute__((noreturn)) void load_fail(const char *what, const char *why);

/* load_grown - realloc that does not fail. */
void *load_grown(void *old, size_t count, size_t size);
