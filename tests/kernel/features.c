/*
 * Asks a kernel which of the nf_tables features it has that palisade uses where it finds them, and measures UDP.
 *
 *   features nf_tables              one line per feature, "NAME yes" or "NAME no ERRNO-NAME", in a fresh network namespace
 *   features udp NETNS ADDR PORT N  sends N datagrams from here to a receiver in /run/netns/NETNS, 64 at a time;
 *                                   prints how many were sent and received, and the time
 *
 * Speaks netlink itself, so that no library's own checks stand between the question and the kernel. Exit status: 0 if
 * the question was answered, 1 if not.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Newer than Debian 12's kernel headers. */
enum { TABLE_OWNER = 0x2, TABLE_PERSIST = 0x4, MSG_DESTROYTABLE = 26 };

struct batch {
    char bytes[4096];
    size_t length;
    struct nlmsghdr *last;
};

static void fail(const char *what)
{
    fprintf(stderr, "features: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void message(struct batch *batch, int type, int flags, int family, int resource)
{
    struct nlmsghdr *header = (void *)(batch->bytes + batch->length);
    struct nfgenmsg *generic = NLMSG_DATA(header);

    memset(header, 0, NLMSG_SPACE(sizeof *generic));
    header->nlmsg_len = NLMSG_LENGTH(sizeof *generic);
    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST | flags;
    header->nlmsg_seq = batch->length;
    generic->nfgen_family = family;
    generic->res_id = htons(resource);
    batch->last = header;
    batch->length += NLMSG_ALIGN(header->nlmsg_len);
}

static void attribute(struct batch *batch, int type, const void *value, size_t length)
{
    struct nlattr *attr = (void *)(batch->bytes + batch->length);

    attr->nla_type = type;
    attr->nla_len = NLA_HDRLEN + length;
    memset((char *)attr + NLA_HDRLEN, 0, NLA_ALIGN(length));
    memcpy((char *)attr + NLA_HDRLEN, value, length);
    batch->length += NLA_HDRLEN + NLA_ALIGN(length);
    batch->last->nlmsg_len += NLA_HDRLEN + NLA_ALIGN(length);
}

static int open_socket(void)
{
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    struct timeval patience = { .tv_sec = 2 };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

    if (fd < 0 || bind(fd, (void *)&kernel, sizeof kernel) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience))
        fail("netlink socket");
    return fd;
}

static void begin(struct batch *batch)
{
    batch->length = 0;
    message(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

static void table(struct batch *batch, int type, int flags, const char *name, unsigned table_flags)
{
    unsigned value = htonl(table_flags);

    message(batch, NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_INET, 0);
    attribute(batch, NFTA_TABLE_NAME, name, strlen(name) + 1);
    if (type == NFT_MSG_NEWTABLE)
        attribute(batch, NFTA_TABLE_FLAGS, &value, sizeof value);
}

/* Sends the batch and returns how many answers came, the first error among them (0: none) in *error. */
static int commit(int fd, struct batch *batch, int *error)
{
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    char answer[8192];
    int answers = 0;
    ssize_t got;

    *error = 0;
    if (sendto(fd, batch->bytes, batch->length, 0, (void *)&kernel, sizeof kernel) < 0)
        fail("sendto");
    /* The kernel answers before sendto returns: nothing there means that nothing comes. */
    while ((got = recv(fd, answer, sizeof answer, MSG_DONTWAIT)) > 0) {
        for (struct nlmsghdr *header = (void *)answer; NLMSG_OK(header, got); header = NLMSG_NEXT(header, got)) {
            if (header->nlmsg_type != NLMSG_ERROR)
                continue;
            answers++;
            if (!*error)
                *error = -((struct nlmsgerr *)NLMSG_DATA(header))->error;
        }
    }
    return answers;
}

static void report(const char *feature, int error)
{
    if (error)
        printf("%s no %s\n", feature, strerrorname_np(error) ? strerrorname_np(error) : "?");
    else
        printf("%s yes\n", feature);
}

/* Whether a batch of one table message with these flags is taken. */
static int try_table(int type, const char *name, unsigned table_flags)
{
    struct batch batch;
    int error, fd = open_socket();

    begin(&batch);
    table(&batch, type, NLM_F_ACK | (type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0), name, table_flags);
    message(&batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    if (!commit(fd, &batch, &error))
        error = ENODATA;
    close(fd);
    return error;
}

static void ask_nf_tables(void)
{
    struct batch batch;
    int error, fd;
    unsigned stale = htonl(0x7fffffff);

    if (unshare(CLONE_NEWNET))
        fail("unshare");
    report("table", try_table(NFT_MSG_NEWTABLE, "plain", 0));
    report("table-owner", try_table(NFT_MSG_NEWTABLE, "owned", TABLE_OWNER));
    /* An owned table goes with its socket, which try_table has closed, unless it persists. */
    report("owned-table-outlives-its-socket", try_table(NFT_MSG_DELTABLE, "owned", 0));
    report("table-persist", try_table(NFT_MSG_NEWTABLE, "kept", TABLE_PERSIST));
    report("table-owner-persist", try_table(NFT_MSG_NEWTABLE, "both", TABLE_OWNER | TABLE_PERSIST));
    report("destroy-table", try_table(MSG_DESTROYTABLE, "absent", 0));

    fd = open_socket();
    begin(&batch);
    table(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, "ended", 0);
    message(&batch, NFNL_MSG_BATCH_END, NLM_F_ACK, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    report("ack-on-batch-end", commit(fd, &batch, &error) ? error : ENODATA);
    report("committed-without-ack", try_table(NFT_MSG_DELTABLE, "ended", 0));

    begin(&batch);
    attribute(&batch, NFNL_BATCH_GENID, &stale, sizeof stale);
    table(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, "stale", 0);
    message(&batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    commit(fd, &batch, &error);
    report("generation-check", error == ERESTART ? 0 : error ? error : ENODATA);
    close(fd);
}

static void send_udp(const char *netns, const char *address, int port, int count)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct timespec started, ended;
    char path[256], payload[64] = { 0 };
    int sender, receiver, namespace, home, sent = 0, received = 0, room = 1 << 22;

    snprintf(path, sizeof path, "/run/netns/%s", netns);
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
        fail("address");
    if ((home = open("/proc/self/ns/net", O_RDONLY)) < 0 || (namespace = open(path, O_RDONLY)) < 0 ||
        setns(namespace, CLONE_NEWNET))
        fail(path);
    if ((receiver = socket(AF_INET, SOCK_DGRAM, 0)) < 0 || bind(receiver, (void *)&to, sizeof to) ||
        setsockopt(receiver, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
        fail("receiver");
    if (setns(home, CLONE_NEWNET) || (sender = socket(AF_INET, SOCK_DGRAM, 0)) < 0)
        fail("sender");
    clock_gettime(CLOCK_MONOTONIC, &started);
    while (sent < count) {
        for (int i = 0; i < 64 && sent < count; i++, sent++)
            if (sendto(sender, payload, sizeof payload, 0, (void *)&to, sizeof to) < 0 && errno != EPERM)
                fail("sendto");
        while (recv(receiver, payload, sizeof payload, MSG_DONTWAIT) > 0)
            received++;
    }
    /* The other processor may still be delivering the last ones. */
    for (int quiet = 0; received < sent && quiet < 20; quiet++) {
        usleep(10000);
        while (recv(receiver, payload, sizeof payload, MSG_DONTWAIT) > 0)
            received++, quiet = 0;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("udp sent %d received %d seconds %.2f\n", sent, received,
           ended.tv_sec - started.tv_sec + (ended.tv_nsec - started.tv_nsec) / 1e9);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "nf_tables"))
        ask_nf_tables();
    else if (argc == 6 && !strcmp(argv[1], "udp"))
        send_udp(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
    else {
        fprintf(stderr, "usage: features nf_tables | features udp NETNS ADDR PORT N\n");
        return 1;
    }
    return 0;
}
