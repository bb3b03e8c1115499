#include "feature/internal/event_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "base/log.h"
#include "feature/internal/byte_codec.h"
#include "feature/internal/crc32c.h"

namespace millrace::feature {
namespace {

constexpr std::string_view kMagic = "MRWL";
constexpr uint32_t kVersion = 1;
constexpr uint32_t kMaxRecord = 16 << 20;
constexpr size_t kRecordHead = 24;
constexpr uint64_t kMaxSegment = uint64_t{4} << 30;

std::string SegmentPath(const std::string& directory, uint64_t first) {
  return fmt::format("{}/log-{:020}.wal", directory, first);
}

std::string SegmentHead(uint64_t first, const std::string& header) {
  std::string head(kMagic);
  ByteWriter writer(head);
  writer.Put(kVersion);
  writer.Put(first);
  writer.PutText(header);
  writer.Put(Crc32c(head));
  return head;
}

void AppendRecord(std::string& out, uint64_t position, uint64_t synced, std::string_view payload) {
  const size_t start = out.size();
  ByteWriter writer(out);
  writer.Put(static_cast<uint32_t>(payload.size()));
  writer.Put(uint32_t{0});
  writer.Put(position);
  writer.Put(synced);
  out.append(payload);
  const uint32_t crc = Crc32c(std::string_view(out).substr(start + 8));
  std::memcpy(out.data() + start + 4, &crc, sizeof crc);
}

struct Record {
  uint64_t position = 0;
  uint64_t synced = 0;
  std::string_view payload;
};

// The record at the start of `bytes`, if a whole and undamaged one is there.
std::optional<Record> ParseRecord(std::string_view bytes) {
  if (bytes.size() < kRecordHead) return std::nullopt;
  ByteReader reader(bytes);
  const uint32_t length = reader.Get<uint32_t>();
  const uint32_t crc = reader.Get<uint32_t>();
  Record record;
  record.position = reader.Get<uint64_t>();
  record.synced = reader.Get<uint64_t>();
  if (length > kMaxRecord || length > reader.left()) return std::nullopt;
  record.payload = reader.GetBytes(length);
  if (Crc32c(bytes.substr(8, kRecordHead - 8 + length)) != crc) return std::nullopt;
  return record;
}

// Whether anything after the damage was written when the damaged record was already durable.
bool WasDurable(std::string_view rest, uint64_t position) {
  for (size_t at = 1; at + kRecordHead <= rest.size(); ++at) {
    uint64_t later;
    std::memcpy(&later, rest.data() + at + 8, sizeof later);
    if (later <= position || later - position > rest.size()) continue;  // a record takes more than a byte
    const std::optional<Record> record = ParseRecord(rest.substr(at));
    if (record && record->synced > position) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<LogSegment>> ListSegments(const std::string& directory) {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(directory));
  std::vector<LogSegment> segments;
  for (const std::string& name : names) {
    if (!name.starts_with("log-") || !name.ends_with(".wal")) continue;
    LogSegment segment{directory + "/" + name, 0};
    const char* const begin = name.data() + 4;
    const char* const end = name.data() + name.size() - 4;
    const auto [stop, error] = std::from_chars(begin, end, segment.first);
    if (error == std::errc() && stop == end) segments.push_back(std::move(segment));
  }
  std::sort(segments.begin(), segments.end(),
            [](const LogSegment& a, const LogSegment& b) { return a.first < b.first; });
  return segments;
}

Result<SegmentRead> ReadSegment(const std::string& path, uint64_t from, std::optional<uint64_t> next_first,
                                const std::function<Status(uint64_t, std::string_view)>& visit) {
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kMaxSegment));
  return ReadSegmentBytes(bytes, path, from, next_first, visit);
}

namespace {

struct SegmentStart {
  uint64_t first = 0;
  std::string header;
  size_t bytes = 0;  // of the head
};

Result<SegmentStart> ReadStart(std::string_view bytes, const std::string& path) {
  ByteReader reader(bytes);
  const std::string_view magic = reader.GetBytes(kMagic.size());
  const uint32_t version = reader.Get<uint32_t>();
  SegmentStart start;
  start.first = reader.Get<uint64_t>();
  start.header = std::string(reader.GetText());
  const size_t head = bytes.size() - reader.left();
  const uint32_t crc = reader.Get<uint32_t>();
  if (reader.ok() && magic == kMagic && version > kVersion) {
    return FailedPrecondition("{} has format {}, and this Millrace reads {}: it was written by a newer one",
                              path, version, kVersion);
  }
  if (!reader.ok() || magic != kMagic || version != kVersion || crc != Crc32c(bytes.substr(0, head))) {
    return DataLoss("{} is no log segment, or its head is damaged", path);
  }
  start.bytes = head + sizeof crc;
  return start;
}

}  // namespace

Result<std::string> ReadSegmentHeader(std::string_view bytes, const std::string& path) {
  MR_ASSIGN_OR_RETURN(SegmentStart start, ReadStart(bytes, path));
  return std::move(start.header);
}

Result<SegmentRead> ReadSegmentBytes(std::string_view bytes, const std::string& path, uint64_t from,
                                     std::optional<uint64_t> next_first,
                                     const std::function<Status(uint64_t, std::string_view)>& visit) {
  MR_ASSIGN_OR_RETURN(SegmentStart start, ReadStart(bytes, path));
  SegmentRead read{std::move(start.header), start.first};
  std::string_view rest = bytes.substr(start.bytes);
  while (!rest.empty()) {
    const std::optional<Record> record = ParseRecord(rest);
    if (!record || record->position != read.next) {
      const bool followed = next_first && *next_first != read.next;
      if (followed || WasDurable(rest, read.next)) {
        return DataLoss("{} is damaged at byte {}: record {} was acknowledged and cannot be read", path,
                        bytes.size() - rest.size(), read.next);
      }
      return read;
    }
    ++read.next;
    rest.remove_prefix(kRecordHead + record->payload.size());
    if (record->position >= from) MR_RETURN_IF_ERROR(visit(record->position, record->payload));
  }
  if (next_first && *next_first != read.next) {
    return DataLoss("{} ends before record {}, and the next segment begins with {}", path, read.next,
                    *next_first);
  }
  return read;
}

Result<std::unique_ptr<EventLog>> EventLog::Create(const std::string& directory, const std::string& header,
                                                   uint64_t position, uint64_t max_buffer) {
  std::unique_ptr<EventLog> log(new EventLog(directory, position, max_buffer));
  MR_ASSIGN_OR_RETURN(Segment segment, log->MakeSegment(header, position));
  log->UseSegment(std::move(segment));
  MR_RETURN_IF_ERROR(log->SyncName());
  log->writer_ = std::thread([raw = log.get()] { raw->WriteLoop(); });
  return log;
}

EventLog::~EventLog() { Close(); }

void EventLog::Close() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    work_.notify_all();
  }
  if (writer_.joinable()) writer_.join();
}

// A segment has its name once its head is on disk: a crash leaves no torn head, and
// a failure leaves the segment in use alone, also when both have one name (nothing
// was written since it began).
Result<EventLog::Segment> EventLog::MakeSegment(const std::string& header, uint64_t first) const {
  const std::string path = SegmentPath(directory_, first);
  const std::string scratch = path + ".tmp";
  const std::string head = SegmentHead(first, header);
  UniqueFd file(::open(scratch.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return Unavailable("cannot make {}: {}", path, std::strerror(errno));
  Status status = WriteAll(file.get(), head);
  if (status.ok() && ::fdatasync(file.get()) != 0)
    status = Unavailable("cannot sync: {}", std::strerror(errno));
  if (status.ok() && ::rename(scratch.c_str(), path.c_str()) != 0)
    status = Unavailable("cannot name it: {}", std::strerror(errno));
  if (!status.ok()) {
    ::unlink(scratch.c_str());
    return status.WithContext(path);
  }
  return Segment{std::move(file), path, head.size()};
}

void EventLog::UseSegment(Segment segment) {
  file_ = std::move(segment.file);
  path_ = std::move(segment.path);
  file_bytes_ = segment.bytes;
  named_ = false;
}

Status EventLog::SyncName() {
  if (named_) return Ok();
  MR_RETURN_IF_ERROR(SyncDirectory(directory_));
  named_ = true;
  return Ok();
}

Status EventLog::Room(size_t bytes) const {
  if (bytes > kMaxRecord) return InvalidArgument("an event of {} bytes is too large for the log", bytes);
  const std::lock_guard lock(mutex_);
  const uint64_t waiting = buffer_.size() + writing_.size();
  if (waiting + bytes + kRecordHead > max_buffer_) {
    return ResourceExhausted("{} bytes of events wait to be written{}{}", waiting, error_.ok() ? "" : ": ",
                             error_.message());
  }
  if (file_bytes_ + waiting + bytes > segment_limit_.load(std::memory_order_relaxed)) {
    return Unavailable(
        "the log has reached its limit with events that the offline tables do not hold yet; new ones are "
        "taken again once those are there");
  }
  return Ok();
}

void EventLog::Add(std::string_view payload) {
  const std::lock_guard lock(mutex_);
  if (buffer_.empty() && waiters_ == 0) work_.notify_one();
  AppendRecord(buffer_, position_, durable_, payload);
  ++position_;
}

Status EventLog::WaitUntil(std::unique_lock<std::mutex>& lock, const std::function<bool()>& reached) {
  const uint64_t attempts = attempts_;
  ++waiters_;
  work_.notify_one();
  done_.wait(lock, [&] { return reached() || stop_ || failed_attempt_ > attempts; });
  --waiters_;
  if (reached()) return Ok();
  return error_.ok() ? Unavailable("the log was closed") : error_;
}

Status EventLog::Wait(uint64_t position) {
  std::unique_lock lock(mutex_);
  return WaitUntil(lock, [&] { return durable_ >= position; });
}

Status EventLog::Ready() {
  uint64_t pending;
  {
    const std::lock_guard lock(mutex_);
    if (error_.ok()) return Ok();
    pending = position_;
  }
  return Wait(pending);
}

uint64_t EventLog::BeginSegment(std::string header) {
  const std::lock_guard lock(mutex_);
  upcoming_ = Upcoming{std::move(header), position_, buffer_.size()};
  work_.notify_one();
  return position_;
}

Status EventLog::WaitForSegment() {
  std::unique_lock lock(mutex_);
  return WaitUntil(lock, [&] { return !upcoming_; });
}

Status EventLog::Roll(const std::string& header) {
  MR_RETURN_IF_ERROR(WaitForSegment());
  BeginSegment(header);
  return WaitForSegment();
}

uint64_t EventLog::position() const {
  const std::lock_guard lock(mutex_);
  return position_;
}

uint64_t EventLog::segment_bytes() const {
  const std::lock_guard lock(mutex_);
  return file_bytes_ + writing_.size() + buffer_.size();
}

// Whatever a failed attempt left behind is cut off and written again, whole.
Status EventLog::WriteOnce(std::string_view bytes) {
  MR_RETURN_IF_ERROR(SyncName());
  const off_t end = static_cast<off_t>(file_bytes_);
  if (::ftruncate(file_.get(), end) != 0 || ::lseek(file_.get(), end, SEEK_SET) != end) {
    return Unavailable("cannot go back to byte {} of {}: {}", file_bytes_, path_, std::strerror(errno));
  }
  MR_RETURN_IF_ERROR(WriteAll(file_.get(), bytes).WithContext(path_));
  if (::fdatasync(file_.get()) != 0) return Unavailable("cannot sync {}: {}", path_, std::strerror(errno));
  return Ok();
}

Status EventLog::WriteSome(std::unique_lock<std::mutex>& lock) {
  const size_t bytes = upcoming_ ? upcoming_->buffered : buffer_.size();
  const uint64_t position = upcoming_ ? upcoming_->first : position_;
  if (bytes == buffer_.size() && writing_.empty()) {
    std::swap(writing_, buffer_);
  } else {
    writing_.append(buffer_, 0, bytes);
    buffer_.erase(0, bytes);
  }
  if (upcoming_) upcoming_->buffered = 0;
  if (!writing_.empty()) {
    lock.unlock();
    Status status = WriteOnce(writing_);
    lock.lock();
    if (!status.ok()) return status;
    file_bytes_ += writing_.size();
    writing_.clear();
  }
  durable_ = position;
  if (!upcoming_ || upcoming_->first != position) return Ok();
  const Upcoming next = *upcoming_;
  lock.unlock();
  Result<Segment> made = MakeSegment(next.header, next.first);
  lock.lock();
  if (!made.ok()) return made.status();
  UseSegment(std::move(*made));
  upcoming_.reset();
  lock.unlock();
  Status status = SyncName();
  lock.lock();
  return status;
}

void EventLog::WriteLoop() {
  using namespace std::chrono_literals;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (error_.ok()) {
      work_.wait(lock, [&] { return stop_ || Pending(); });
      // Nobody waits for learned events: let some gather, so that fsyncs stay few.
      if (waiters_ == 0 && !stop_) work_.wait_for(lock, 5ms, [&] { return stop_ || waiters_ > 0; });
    } else {
      work_.wait_for(lock, 1s, [&] { return stop_ || waiters_ > 0; });
      work_.wait_for(lock, 5ms, [&] { return stop_; });  // those who heard of the last failure leave
    }
    if (!Pending()) {
      if (stop_) return;
      continue;
    }
    const bool failed_before = !error_.ok();
    ++attempts_;
    error_ = WriteSome(lock);
    if (!error_.ok()) {
      failed_attempt_ = attempts_;
      if (!failed_before) {
        LogError("events cannot be written to the log; they are kept in memory and tried again",
                 {{"reason", error_.message()}});
      }
    }
    done_.notify_all();
    if (stop_ && (!error_.ok() || !Pending())) return;
  }
}

}  // namespace millrace::feature
