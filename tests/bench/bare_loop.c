/* bare_loop - the yardstick of the benchmark: what reading a capture costs before anything is done with it.
 *
 * bare_loop FILE: walks the packets through libpcap and looks at one byte of each. */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *capture = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;
    if (capture == NULL) {
        fprintf(stderr, "bare_loop: %s\n", argc == 2 ? error : "usage: bare_loop FILE");
        return 1;
    }
    struct pcap_pkthdr *header;
    const unsigned char *bytes;
    uint64_t packets = 0, sum = 0;
    int result;
    while ((result = pcap_next_ex(capture, &header, &bytes)) == 1) {
        packets++;
        sum += header->caplen > 0 ? bytes[header->caplen - 1] : 0;
    }
    if (result != PCAP_ERROR_BREAK)
        fprintf(stderr, "bare_loop: %s\n", pcap_geterr(capture));
    printf("%" PRIu64 " packets, sum %" PRIu64 "\n", packets, sum);
    pcap_close(capture);
    return result == PCAP_ERROR_BREAK ? 0 : 1;
}
