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
#include "security/internal/audit_file.h"

namespace millrace::security {

using internal::CheckLink;
using internal::Head;
using internal::HeadPath;
using internal::kMaxLine;
using internal::kNoHash;
using internal::LineReader;
using internal::ReadHead;
using internal::TextOf;
using internal::WriteHead;

namespace {

constexpr size_t kMaxField = 1024;
// Read at the opening: a batch of records and those before it. More only when that holds no whole record.
constexpr uint64_t kTail = 1 << 20;

std::string Quote(const std::string& text) { return FormatJson(Json(text)); }

// The line without its hash: what is hashed.
std::string Unsigned(const AuditRecord& r) {
  return fmt::format(R"({{"seq":{},"time":"{}","who":{},"what":{},"resource":{},"change":{},"prev":"{}")",
                     r.seq, FormatTime(r.time), Quote(r.entry.who), Quote(r.entry.what),
                     Quote(r.entry.resource), Quote(r.entry.change), r.prev);
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
  Status written = Ok();
};

Result<std::unique_ptr<AuditLog>> AuditLog::Open(std::string path, const Clock& clock) {
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(path), clock));
  const std::string& file = log->path_;
  if (!FileExists(file) && !FileExists(HeadPath(file))) {
    MR_RETURN_IF_ERROR(WriteHead(file, {.seq = 0, .hash = kNoHash}));
  }
  log->file_ = UniqueFd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!log->file_) return Internal("cannot open {}: {}", file, std::strerror(errno));
  if (::flock(log->file_.get(), LOCK_EX) != 0)
    return Internal("cannot lock {}: {}", file, std::strerror(errno));
  Status found = log->FindEnd();
  ::flock(log->file_.get(), LOCK_UN);
  MR_RETURN_IF_ERROR(found);
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
  pending_.push_back(&self);
  while (!self.done) {
    if (writing_) {
      done_.wait(lock);
      continue;
    }
    writing_ = true;
    std::vector<Waiter*> batch = std::exchange(pending_, {});
    lock.unlock();
    const Status written = WriteBatch(batch);
    lock.lock();
    writing_ = false;
    for (Waiter* waiter : batch) {
      waiter->done = true;
      waiter->written = written;
    }
    done_.notify_all();
  }
  if (self.written.ok()) return self.seq;
  return Unavailable("nothing can be changed while the audit log cannot record it: {}",
                     self.written.message());
}

// A whole record from which the rest can be read: the first one that begins after
// `offset`. None when there is none, or none before the head's record.
Result<std::optional<AuditLog::Position>> AuditLog::AnchorAfter(uint64_t offset, uint64_t head) const {
  LineReader reader(file_.get(), offset);
  MR_ASSIGN_OR_RETURN(const std::optional<LineReader::Line> part, reader.Next());
  if (!part || !part->whole) return std::optional<Position>();
  const uint64_t begin = offset + part->text.size() + 1;
  MR_ASSIGN_OR_RETURN(const std::optional<LineReader::Line> line, reader.Next());
  if (!line || !line->whole) return std::optional<Position>();
  Result<AuditRecord> record = ParseAuditLine(line->text);
  const Status sound = record.ok() ? internal::CheckRecord(*record, line->text) : record.status();
  if (!sound.ok())
    return DataLoss("{}: the record at byte {} was changed: {}", path_, begin, sound.message());
  if (record->seq >= head) return std::optional<Position>();
  return std::optional<Position>(
      {.seq = record->seq, .hash = record->hash, .bytes = begin + line->text.size() + 1});
}

// Where the next record goes. The end of the chain is checked, as much of it as
// kTail holds, so that a start takes no longer the more has been recorded;
// Verify checks all of it.
Status AuditLog::FindEnd() {
  MR_ASSIGN_OR_RETURN(const Head head, ReadHead(path_));
  struct stat info{};
  if (::fstat(file_.get(), &info) != 0) return Internal("cannot read {}: {}", path_, std::strerror(errno));
  const auto size = static_cast<uint64_t>(info.st_size);
  end_ = {.seq = 0, .hash = kNoHash, .bytes = 0};
  for (uint64_t span = kTail; span < size; span *= 4) {
    MR_ASSIGN_OR_RETURN(std::optional<Position> anchor, AnchorAfter(size - span, head.seq));
    if (!anchor) continue;
    end_ = std::move(*anchor);
    break;
  }
  return CatchUp();
}

// Reads what is after end_, and cuts off a line that a crash or a full disk has
// torn. The file is locked.
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
  MR_RETURN_IF_ERROR(CheckPlace());
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
  const Status written = WriteRecords(bytes, next);
  if (!written.ok()) {
    TakeBack();
    return written;
  }
  end_ = std::move(next);
  return Ok();
}

// The file is still the one that the path names, and what was added to it since
// (by another process, or by a write that failed half-way) is read.
Status AuditLog::CheckPlace() {
  struct stat open{};
  struct stat named{};
  if (::fstat(file_.get(), &open) != 0) return Internal("cannot read {}: {}", path_, std::strerror(errno));
  if (::stat(path_.c_str(), &named) != 0 || named.st_ino != open.st_ino || named.st_dev != open.st_dev) {
    return DataLoss("{} was removed or replaced while it was in use", path_);
  }
  if (static_cast<uint64_t>(open.st_size) < end_.bytes) {
    return DataLoss("{} has become shorter while it was in use", path_);
  }
  return static_cast<uint64_t>(open.st_size) > end_.bytes ? CatchUp() : Ok();
}

Status AuditLog::WriteRecords(const std::string& bytes, const Position& next) {
  if (::lseek(file_.get(), static_cast<off_t>(end_.bytes), SEEK_SET) < 0) {
    return Internal("cannot write {}: {}", path_, std::strerror(errno));
  }
  MR_RETURN_IF_ERROR(WriteAll(file_.get(), bytes).WithContext(path_));
  if (::fdatasync(file_.get()) != 0)
    return Internal("cannot write {} to disk: {}", path_, std::strerror(errno));
  return WriteHead(path_, {.seq = next.seq, .hash = next.hash});
}

// Cuts off what a failed write has left, for its changes are not made. When the
// head already names it (only the sync of its folder failed), or cannot be read,
// it stays: the next write finds whole records there and goes on from them.
void AuditLog::TakeBack() {
  const Result<Head> head = ReadHead(path_);
  if (!head.ok() || head->seq > end_.seq) return;
  // A failure is no matter either: the next write cuts a torn line off.
  (void)!::ftruncate(file_.get(), static_cast<off_t>(end_.bytes));
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
