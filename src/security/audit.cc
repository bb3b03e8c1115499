#include "security/audit.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/json.h"
#include "base/sha256.h"
#include "base/text.h"

namespace millrace::security {
namespace {

constexpr size_t kMaxField = 1024;
constexpr size_t kMaxLine = 32 << 10;  // four fields, each byte escaped as six, and the rest
constexpr size_t kReadBytes = 64 << 10;
const std::string kNoHash(64, '0');  // what the first record follows

std::string HeadPath(const std::string& path) { return path + ".head"; }

std::string Quote(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The line without its hash: what is hashed.
std::string Unsigned(const AuditRecord& r) {
  return fmt::format(R"({{"seq":{},"time":"{}","who":{},"what":{},"resource":{},"change":{},"prev":"{}")",
                     r.seq, FormatTime(r.time), Quote(r.entry.who), Quote(r.entry.what),
                     Quote(r.entry.resource), Quote(r.entry.change), r.prev);
}

Result<std::string> TextOf(const Json& line, const char* key) {
  auto it = line.find(key);
  if (it == line.end() || !it->is_string()) return InvalidArgument("'{}' is missing or not a text", key);
  return it->get<std::string>();
}

// ---- The head: the newest record that is known to be on disk.
struct Head {
  uint64_t seq = 0;
  std::string hash;
};

Status WriteHead(const std::string& path, const Head& head) {
  return WriteFileAtomically(HeadPath(path),
                             fmt::format("{{\"seq\":{},\"hash\":\"{}\"}}\n", head.seq, head.hash), 0600);
}

Result<Head> ReadHead(const std::string& path) {
  if (!FileExists(HeadPath(path))) {
    return DataLoss("{} is missing: without it, records cut from the end of {} cannot be noticed",
                    HeadPath(path), path);
  }
  MR_ASSIGN_OR_RETURN(std::string text, ReadFile(HeadPath(path), 4096));
  Result<Json> parsed = ParseJson(text, 2);
  if (!parsed.ok() || !parsed->is_object() || !parsed->contains("seq") ||
      !(*parsed)["seq"].is_number_unsigned()) {
    return DataLoss("{} is not a head of an audit log", HeadPath(path));
  }
  Result<std::string> hash = TextOf(*parsed, "hash");
  if (!hash.ok())
    return DataLoss("{} is not a head of an audit log: {}", HeadPath(path), hash.status().message());
  return Head{.seq = (*parsed)["seq"].get<uint64_t>(), .hash = *hash};
}

// ---- Reading lines in order, with bounded memory.
class LineReader {
 public:
  LineReader(int fd, uint64_t offset) : fd_(fd), offset_(offset) {}

  struct Line {
    std::string_view text;  // valid until the next call
    bool whole = true;      // false: the file ends before its newline
  };
  // nullopt at the end.
  Result<std::optional<Line>> Next() {
    size_t newline;
    while ((newline = buffer_.find('\n', begin_)) == std::string::npos) {
      if (buffer_.size() - begin_ > kMaxLine) {
        return DataLoss("there is a line of more than {} bytes", kMaxLine);
      }
      MR_ASSIGN_OR_RETURN(bool more, Fill());
      if (more) continue;
      if (begin_ == buffer_.size()) return std::optional<Line>();
      Line torn{.text = std::string_view(buffer_).substr(begin_), .whole = false};
      begin_ = buffer_.size();
      return std::optional<Line>(torn);
    }
    Line line{.text = std::string_view(buffer_).substr(begin_, newline - begin_), .whole = true};
    begin_ = newline + 1;
    return std::optional<Line>(line);
  }

 private:
  Result<bool> Fill() {
    buffer_.erase(0, begin_);
    begin_ = 0;
    size_t old = buffer_.size();
    buffer_.resize(old + kReadBytes);
    ssize_t n = ::pread(fd_, buffer_.data() + old, kReadBytes, static_cast<off_t>(offset_));
    buffer_.resize(old + (n > 0 ? static_cast<size_t>(n) : 0));
    if (n < 0) return Internal("cannot read the audit log: {}", std::strerror(errno));
    offset_ += static_cast<uint64_t>(n);
    return n > 0;
  }

  int fd_;
  uint64_t offset_;
  std::string buffer_;
  size_t begin_ = 0;
};

// What is wrong with `record`, read where `expected` should follow `prev`; Ok when nothing is.
Status CheckLink(const AuditRecord& record, std::string_view line, uint64_t expected,
                 const std::string& prev) {
  if (HashOf(record) != record.hash || FormatAuditLine(record) != line) {
    return DataLoss("record {} was changed: its hash does not match what it says", expected);
  }
  if (record.seq != expected) {
    return DataLoss("record {} was dropped or moved: record {} stands in its place", expected, record.seq);
  }
  if (record.prev != prev) {
    return DataLoss(
        "record {} was changed, or record {} is not the one that followed it: the chain breaks there",
        expected - 1, expected);
  }
  return Ok();
}

}  // namespace

std::string HashOf(const AuditRecord& record) { return Sha256Hex(Unsigned(record)); }

std::string FormatAuditLine(const AuditRecord& record) {
  return Unsigned(record) + fmt::format(",\"hash\":\"{}\"}}", record.hash);
}

Result<AuditRecord> ParseAuditLine(std::string_view text) {
  if (text.size() > kMaxLine) return InvalidArgument("the line has more than {} bytes", kMaxLine);
  MR_ASSIGN_OR_RETURN(Json line, ParseJson(text, 2));
  if (!line.is_object()) return InvalidArgument("the line is not a JSON object");
  auto seq = line.find("seq");
  if (seq == line.end() || !seq->is_number_unsigned())
    return InvalidArgument("'seq' is missing or not a number");
  AuditRecord record;
  record.seq = seq->get<uint64_t>();
  MR_ASSIGN_OR_RETURN(std::string time, TextOf(line, "time"));
  MR_ASSIGN_OR_RETURN(record.time, ParseTime(time));
  MR_ASSIGN_OR_RETURN(record.entry.who, TextOf(line, "who"));
  MR_ASSIGN_OR_RETURN(record.entry.what, TextOf(line, "what"));
  MR_ASSIGN_OR_RETURN(record.entry.resource, TextOf(line, "resource"));
  MR_ASSIGN_OR_RETURN(record.entry.change, TextOf(line, "change"));
  MR_ASSIGN_OR_RETURN(record.prev, TextOf(line, "prev"));
  MR_ASSIGN_OR_RETURN(record.hash, TextOf(line, "hash"));
  return record;
}

struct AuditLog::Waiter {
  AuditEntry entry;
  EventTime time;
  uint64_t seq = 0;
  bool done = false;
};

Result<std::unique_ptr<AuditLog>> AuditLog::Open(std::string path, const Clock& clock) {
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(path), clock));
  const std::string& file = log->path_;
  if (!FileExists(file) && !FileExists(HeadPath(file))) {
    MR_RETURN_IF_ERROR(WriteHead(file, {.seq = 0, .hash = kNoHash}));
  }
  log->file_ = UniqueFd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!log->file_) return Internal("cannot open {}: {}", file, std::strerror(errno));
  log->end_.hash = kNoHash;
  if (::flock(log->file_.get(), LOCK_EX) != 0)
    return Internal("cannot lock {}: {}", file, std::strerror(errno));
  Status caught_up = log->CatchUp();
  ::flock(log->file_.get(), LOCK_UN);
  MR_RETURN_IF_ERROR(caught_up);
  return log;
}

AuditLog::~AuditLog() = default;

Result<uint64_t> AuditLog::Append(AuditEntry entry) {
  for (std::string* field : {&entry.who, &entry.what, &entry.resource, &entry.change}) {
    if (field->size() > kMaxField) field->resize(kMaxField);
    // What is not UTF-8 is replaced now, so that the record reads back as it was hashed.
    *field = Json::parse(Quote(*field)).get<std::string>();
  }
  Waiter self{.entry = std::move(entry), .time = clock_.Now()};
  std::unique_lock lock(mutex_);
  if (!failed_.ok()) return failed_;
  pending_.push_back(&self);
  while (!self.done) {
    if (writing_) {
      done_.wait(lock);
      continue;
    }
    writing_ = true;
    std::vector<Waiter*> batch = std::exchange(pending_, {});
    Status before = failed_;
    lock.unlock();
    Status written = before.ok() ? WriteBatch(batch) : before;
    lock.lock();
    writing_ = false;
    if (!written.ok() && failed_.ok()) {
      failed_ = Unavailable("the audit log takes no more records, so nothing can be changed: {}",
                            written.message());
    }
    for (Waiter* waiter : batch) {
      waiter->done = true;
      if (!written.ok()) waiter->seq = 0;
    }
    done_.notify_all();
  }
  if (self.seq == 0) return failed_;
  return self.seq;
}

// Reads what is after end_ (all of it when the log was just opened), and cuts
// off a line that a crash has torn. The file is locked.
Status AuditLog::CatchUp() {
  MR_ASSIGN_OR_RETURN(Head head, ReadHead(path_));
  LineReader reader(file_.get(), end_.bytes);
  bool torn = false;
  while (true) {
    MR_ASSIGN_OR_RETURN(std::optional<LineReader::Line> line, reader.Next());
    if (!line) break;
    if (!line->whole) {
      torn = true;
      break;
    }
    Result<AuditRecord> record = ParseAuditLine(line->text);
    if (!record.ok()) {
      return DataLoss("{}: record {} was changed: {}", path_, end_.seq + 1, record.status().message());
    }
    Status link = CheckLink(*record, line->text, end_.seq + 1, end_.hash);
    if (!link.ok()) return link.WithContext(path_);
    end_.seq = record->seq;
    end_.hash = record->hash;
    end_.bytes += line->text.size() + 1;
    if (record->seq == head.seq && record->hash != head.hash) {
      return DataLoss("{}: record {} is not the one that {} remembers", path_, head.seq, HeadPath(path_));
    }
  }
  if (end_.seq < head.seq) {
    return DataLoss("{}: record {} was dropped from the end: {} remembers {} records", path_, end_.seq + 1,
                    HeadPath(path_), head.seq);
  }
  if (torn && ::ftruncate(file_.get(), static_cast<off_t>(end_.bytes)) != 0) {
    return Internal("cannot cut a torn line from {}: {}", path_, std::strerror(errno));
  }
  return Ok();
}

Status AuditLog::WriteBatch(const std::vector<Waiter*>& batch) {
  if (::flock(file_.get(), LOCK_EX) != 0) return Internal("cannot lock {}: {}", path_, std::strerror(errno));
  struct Unlock {
    int fd;
    ~Unlock() { ::flock(fd, LOCK_UN); }
  } unlock{file_.get()};
  struct stat info{};
  if (::fstat(file_.get(), &info) != 0) return Internal("cannot read {}: {}", path_, std::strerror(errno));
  if (static_cast<uint64_t>(info.st_size) < end_.bytes) {
    return DataLoss("{} has become shorter while it was in use", path_);
  }
  if (static_cast<uint64_t>(info.st_size) > end_.bytes) MR_RETURN_IF_ERROR(CatchUp());
  Position next = end_;
  std::string bytes;
  for (Waiter* waiter : batch) {
    AuditRecord record{
        .seq = next.seq + 1, .time = waiter->time, .entry = waiter->entry, .prev = next.hash, .hash = {}};
    record.hash = HashOf(record);
    bytes += FormatAuditLine(record);
    bytes += '\n';
    waiter->seq = record.seq;
    next.seq = record.seq;
    next.hash = record.hash;
  }
  next.bytes += bytes.size();
  if (::lseek(file_.get(), static_cast<off_t>(end_.bytes), SEEK_SET) < 0) {
    return Internal("cannot write {}: {}", path_, std::strerror(errno));
  }
  MR_RETURN_IF_ERROR(WriteAll(file_.get(), bytes));
  if (::fdatasync(file_.get()) != 0)
    return Internal("cannot write {} to disk: {}", path_, std::strerror(errno));
  MR_RETURN_IF_ERROR(WriteHead(path_, {.seq = next.seq, .hash = next.hash}));
  end_ = std::move(next);
  return Ok();
}

Result<AuditVerification> AuditLog::Verify(const std::string& path) {
  MR_ASSIGN_OR_RETURN(Head head, ReadHead(path));
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return DataLoss("{} cannot be opened: {}", path, std::strerror(errno));
  LineReader reader(file.get(), 0);
  AuditVerification seen{.records = 0, .head = kNoHash};
  while (true) {
    uint64_t expected = seen.records + 1;
    Result<std::optional<LineReader::Line>> next = reader.Next();
    if (!next.ok())
      return DataLoss("{}:{}: record {} was changed: {}", path, expected, expected, next.status().message());
    if (!next->has_value()) break;
    const LineReader::Line& line = **next;
    // A torn last line beyond the head was never acknowledged.
    if (!line.whole && seen.records >= head.seq) break;
    Result<AuditRecord> record = ParseAuditLine(line.text);
    if (!record.ok()) {
      return DataLoss("{}:{}: record {} was changed: {}", path, expected, expected,
                      record.status().message());
    }
    Status link = CheckLink(*record, line.text, expected, seen.head);
    if (!link.ok()) return link.WithContext(fmt::format("{}:{}", path, expected));
    seen = {.records = record->seq, .head = record->hash};
    if (seen.records == head.seq && seen.head != head.hash) {
      return DataLoss("{}:{}: record {} was changed: it is not the one that {} remembers", path, expected,
                      expected, HeadPath(path));
    }
  }
  if (seen.records < head.seq) {
    return DataLoss("{}: record {} was dropped: the file ends before it, and {} remembers {} records", path,
                    seen.records + 1, HeadPath(path), head.seq);
  }
  return seen;
}

Result<std::vector<AuditRecord>> AuditLog::Tail(size_t limit) const {
  UniqueFd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Internal("cannot open {}: {}", path_, std::strerror(errno));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return Internal("cannot read {}: {}", path_, std::strerror(errno));
  // Far enough back for `limit` of the longest lines; the first line there may be a part of one.
  uint64_t size = static_cast<uint64_t>(info.st_size);
  uint64_t span = std::min<uint64_t>(size, std::min<uint64_t>(limit, 1000) * kMaxLine);
  LineReader reader(file.get(), size - span);
  bool first = span < size;
  std::vector<AuditRecord> records;
  while (true) {
    MR_ASSIGN_OR_RETURN(std::optional<LineReader::Line> line, reader.Next());
    if (!line || !line->whole) break;
    if (std::exchange(first, false)) continue;
    MR_ASSIGN_OR_RETURN(AuditRecord record, ParseAuditLine(line->text));
    records.push_back(std::move(record));
  }
  if (records.size() > limit) records.erase(records.begin(), records.end() - static_cast<ptrdiff_t>(limit));
  return records;
}

}  // namespace millrace::security
