// An HTTP load generator for one server on loopback, in an open or a closed loop.
//
// In the open loop (--rate R) request i is due at i/R seconds whatever the
// server does, and its latency counts from that moment, so that a queue shows.
// In the closed loop (--rate 0) every connection sends its next request when
// the answer has come. One thread, epoll, keep-alive connections; bounded by
// --seconds. Bodies are the lines of a file, used in order and again from the
// start; in a body @@ID@@ is replaced by a number that never repeats, and
// @@TIME@@ by one that grows by 100,000 (0.1 s in microseconds) each time.
//
//   bench_http_load --port 7070 --path /v2/models/fraud/infer --bodies FILE
//                   --rate 2000 --seconds 10 --connections 16 [--header "Name: value"]
//                   [--first-id N] [--first-time N]
//
// Prints one JSON line: requests, errors, seconds, rate, and latencies in µs.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  int port = 7070;
  std::string path = "/";
  std::string header;
  std::string bodies_file;
  double rate = 0;
  double seconds = 10;
  size_t connections = 16;
  size_t first_id = 100'000'000'000;
  size_t first_time = 1'600'000'000'000'000;
};

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "http_load: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

Options ParseOptions(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  Options o;
  if (given.count("--port")) o.port = std::stoi(given["--port"]);
  if (given.count("--path")) o.path = given["--path"];
  if (given.count("--header")) o.header = given["--header"] + "\r\n";
  if (given.count("--bodies")) o.bodies_file = given["--bodies"];
  if (given.count("--rate")) o.rate = std::stod(given["--rate"]);
  if (given.count("--seconds")) o.seconds = std::stod(given["--seconds"]);
  if (given.count("--connections")) o.connections = std::stoul(given["--connections"]);
  if (given.count("--first-id")) o.first_id = std::stoull(given["--first-id"]);
  if (given.count("--first-time")) o.first_time = std::stoull(given["--first-time"]);
  return o;
}

void ReplaceAll(std::string& text, std::string_view placeholder, const std::string& by) {
  for (size_t at = text.find(placeholder); at != std::string::npos; at = text.find(placeholder, at)) {
    text.replace(at, placeholder.size(), by);
  }
}

std::vector<std::string> ReadBodies(const std::string& file) {
  std::vector<std::string> bodies;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) bodies.push_back(line);
  if (bodies.empty()) Fail("no bodies in " + file);
  return bodies;
}

// Makes the bytes of request after request.
class Requests {
 public:
  explicit Requests(const Options& o)
      : head_("POST " + o.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(o.port) +
              "\r\nContent-Type: application/json\r\n" + o.header),
        bodies_(ReadBodies(o.bodies_file)),
        first_id_(o.first_id),
        first_time_(o.first_time) {}

  std::string Next() {
    std::string body = bodies_[next_ % bodies_.size()];
    ReplaceAll(body, "@@ID@@", std::to_string(first_id_ + next_));
    ReplaceAll(body, "@@TIME@@", std::to_string(first_time_ + next_ * kStep));
    ++next_;
    return head_ + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  static constexpr size_t kStep = 100'000;
  const std::string head_;
  const std::vector<std::string> bodies_;
  const size_t first_id_;
  const size_t first_time_;
  size_t next_ = 0;
};

struct Connection {
  int fd = -1;
  bool busy = false;
  Clock::time_point due;
  std::string in;
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options), requests_(options), connections_(options.connections) {
    epoll_ = epoll_create1(0);
    for (size_t i = 0; i < connections_.size(); ++i) Open(i);
  }

  void Run() {
    start_ = Clock::now();
    end_ =
        start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options_.seconds));
    // What is in flight at the end may take another 5 s, no longer.
    const auto give_up = end_ + std::chrono::seconds(5);
    if (options_.rate == 0) {
      for (size_t i = 0; i < connections_.size(); ++i) Send(i, start_);
      idle_.clear();
    }
    while (Clock::now() < give_up) {
      if (options_.rate > 0) StartDue();
      if (Clock::now() >= end_ && idle_.size() == connections_.size() && waiting_.empty()) break;
      Poll();
    }
    unanswered_ = waiting_.size() + connections_.size() - idle_.size();
  }

  void Print() {
    std::sort(latencies_.begin(), latencies_.end());
    const auto at = [&](double q) {
      return latencies_.empty()
                 ? 0.0
                 : latencies_[static_cast<size_t>(q * static_cast<double>(latencies_.size() - 1))];
    };
    const double seconds = std::chrono::duration<double>(last_ - start_).count();
    std::printf(
        "{\"requests\": %zu, \"errors\": %zu, \"unanswered\": %zu, \"seconds\": %.3f, \"rate\": %.1f, "
        "\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
        latencies_.size(), errors_, unanswered_, seconds, static_cast<double>(latencies_.size()) / seconds,
        at(0.5), at(0.9), at(0.99), at(0.999), at(1.0));
    if (!first_error_.empty()) std::fprintf(stderr, "http_load: first error: %s\n", first_error_.c_str());
  }

 private:
  void Open(size_t i) {
    Connection& c = connections_[i];
    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(options_.port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(c.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) Fail("cannot connect");
    const int one = 1;
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c.fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
    c.in.clear();
    c.busy = false;
    idle_.push_back(i);
  }

  void Send(size_t i, Clock::time_point due) {
    Connection& c = connections_[i];
    const std::string bytes = requests_.Next();
    c.busy = true;
    c.due = due;
    // Requests are small and at most one is in flight: the socket buffer takes it whole.
    if (write(c.fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) Fail("short write");
  }

  void StartDue() {
    const auto now = Clock::now();
    for (;;) {
      const auto due = start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                                    static_cast<double>(scheduled_) / options_.rate));
      if (due > now || due >= end_) break;
      waiting_.push_back(due);
      ++scheduled_;
    }
    while (!waiting_.empty() && !idle_.empty()) {
      const size_t i = idle_.back();
      idle_.pop_back();
      Send(i, waiting_.front());
      waiting_.pop_front();
    }
  }

  // Until the next request is due; 0 when one waits for a connection.
  long NanosToNext() const {
    if (!waiting_.empty() && !idle_.empty()) return 0;
    const auto due = start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                                  static_cast<double>(scheduled_) / options_.rate));
    return std::chrono::nanoseconds(due - Clock::now()).count();
  }

  void Poll() {
    epoll_event events[64];
    timespec wait{.tv_sec = 0, .tv_nsec = 100'000'000};
    if (options_.rate > 0) wait.tv_nsec = std::clamp<long>(NanosToNext(), 0, 1'000'000);
    const int count = epoll_pwait2(epoll_, events, 64, &wait, nullptr);
    for (int e = 0; e < count; ++e) Receive(events[e].data.u64);
  }

  void Receive(size_t i) {
    Connection& c = connections_[i];
    char buffer[16384];
    const ssize_t got = read(c.fd, buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      if (c.busy) Finish(i, false, "the server closed the connection");
      close(c.fd);
      idle_.erase(std::remove(idle_.begin(), idle_.end(), i), idle_.end());
      Open(i);
      return;
    }
    c.in.append(buffer, static_cast<size_t>(got));
    const size_t head_end = c.in.find("\r\n\r\n");
    if (head_end == std::string::npos) return;
    const size_t body = ContentLength(c.in.substr(0, head_end));
    if (c.in.size() < head_end + 4 + body) return;
    const bool good = c.in.compare(9, 3, "200") == 0;
    Finish(i, good, c.in);
    c.in.clear();
  }

  static size_t ContentLength(std::string head) {
    std::transform(head.begin(), head.end(), head.begin(), [](unsigned char x) { return std::tolower(x); });
    const size_t at = head.find("content-length:");
    return at == std::string::npos ? 0 : std::stoul(head.substr(at + 15));
  }

  void Finish(size_t i, bool good, const std::string& answer) {
    Connection& c = connections_[i];
    last_ = Clock::now();
    c.busy = false;
    latencies_.push_back(std::chrono::duration<double, std::micro>(last_ - c.due).count());
    if (!good) {
      ++errors_;
      if (first_error_.empty()) first_error_ = answer;
    }
    if (options_.rate == 0 && last_ < end_) {
      Send(i, last_);
    } else {
      idle_.push_back(i);
    }
  }

  const Options options_;
  Requests requests_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::vector<size_t> idle_;
  std::deque<Clock::time_point> waiting_;
  std::vector<double> latencies_;
  size_t scheduled_ = 0;
  size_t errors_ = 0;
  size_t unanswered_ = 0;
  std::string first_error_;
  Clock::time_point start_;
  Clock::time_point end_;
  Clock::time_point last_;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  prctl(PR_SET_TIMERSLACK, 1);  // nanosecond: wake when a request is due, not 50 µs later
  Load load(options);
  load.Run();
  load.Print();
  return 0;
}
