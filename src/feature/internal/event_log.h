// EventLog: the write-ahead log of one source.
//
// Records are numbered from 0 for ever (their position) and lie in segment files,
// log-N.wal, N the position of the first. Add puts a record in a buffer and
// returns at once; a writer thread writes and syncs what has gathered, so that one
// fsync serves all who wait. A segment:
//
//   "MRWL" version:u32 first:u64 header-length:u32 header crc:u32, then records
//   record: length:u32 crc:u32 position:u64 synced:u64 payload
//
// Little-endian; crc is CRC-32C over what follows it (and for the segment's
// head, over what precedes it). `synced` is how many records were durable when
// this one was written: a damaged record with a later one that says it had been
// durable is DataLoss, any other was never acknowledged and is dropped.
//
// When writing fails (a full disk), nothing is acknowledged; the records stay in
// the buffer and are written when a later attempt succeeds. A new segment is begun
// by the writer thread as well, so that who asks for one waits for no disk. Thread safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/status.h"

namespace millrace::feature {

struct LogSegment {
  std::string path;
  uint64_t first = 0;  // position of its first record
};

// Segments of a directory, in order of position.
Result<std::vector<LogSegment>> ListSegments(const std::string& directory);

struct SegmentRead {
  std::string header;
  uint64_t next = 0;  // the position after the last good record
};

// Calls `visit(position, payload)` for each record from position `from` on. `next_first`:
// where the next segment starts, if there is one; a torn end is accepted only there.
Result<SegmentRead> ReadSegment(const std::string& path, uint64_t from, std::optional<uint64_t> next_first,
                                const std::function<Status(uint64_t, std::string_view)>& visit);
// The same from bytes.
Result<SegmentRead> ReadSegmentBytes(std::string_view bytes, const std::string& path, uint64_t from,
                                     std::optional<uint64_t> next_first,
                                     const std::function<Status(uint64_t, std::string_view)>& visit);

// The text that a segment was begun with.
Result<std::string> ReadSegmentHeader(std::string_view bytes, const std::string& path);

class EventLog {
 public:
  // Starts a new segment at `position`. `header` is kept in each segment (the schema).
  static Result<std::unique_ptr<EventLog>> Create(const std::string& directory, const std::string& header,
                                                  uint64_t position, uint64_t max_buffer);
  ~EventLog();
  // Writes what is pending, if that succeeds at once, and ends: nothing is written any more, and
  // whoever waits hears that it was closed. Twice is once; by one thread at a time.
  void Close();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // ResourceExhausted when a record of `bytes` does not fit the buffer now, Unavailable when it
  // does not fit the segment's limit; with the reason.
  Status Room(size_t bytes) const;
  // How long the current segment may become; unlimited at first.
  void SetSegmentLimit(uint64_t bytes) { segment_limit_.store(bytes); }
  // Precondition: there was room, and nobody else adds in between.
  void Add(std::string_view payload);
  // Waits until records before `position` are on disk; fails with the reason when an
  // attempt that began after the call did not succeed.
  Status Wait(uint64_t position);
  // Ok unless the last attempt failed; then tries again first.
  Status Ready();
  // Records from here on go to a new segment: returns its first position at once, whatever the
  // disk does. Precondition: the one begun before is there (WaitForSegment).
  uint64_t BeginSegment(std::string header);
  // Waits until the new segment is there, and with it everything before it on disk.
  Status WaitForSegment();
  // Both.
  Status Roll(const std::string& header);

  uint64_t position() const;
  // Bytes of the current segment, buffered ones included.
  uint64_t segment_bytes() const;

 private:
  EventLog(std::string directory, uint64_t position, uint64_t max_buffer)
      : directory_(std::move(directory)), max_buffer_(max_buffer), position_(position), durable_(position) {}

  // A segment to come: where it begins, in positions and in the buffer.
  struct Upcoming {
    std::string header;
    uint64_t first = 0;
    size_t buffered = 0;  // bytes of buffer_ that still belong to the segment before
  };
  struct Segment {
    UniqueFd file;
    std::string path;
    uint64_t bytes = 0;
  };

  Result<Segment> MakeSegment(const std::string& header, uint64_t first) const;
  void UseSegment(Segment segment);
  void WriteLoop();
  bool Pending() const { return !buffer_.empty() || !writing_.empty() || upcoming_; }
  // Waits for `reached`, or for an attempt to write that fails and began after the call.
  Status WaitUntil(std::unique_lock<std::mutex>& lock, const std::function<bool()>& reached);
  // One attempt: the rest of a segment, or the next segment's beginning.
  Status WriteSome(std::unique_lock<std::mutex>& lock);
  Status WriteOnce(std::string_view bytes);
  // The segment's name is on disk: before any record is acknowledged.
  Status SyncName();

  const std::string directory_;
  const uint64_t max_buffer_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  UniqueFd file_;
  std::string path_;
  uint64_t file_bytes_ = 0;  // durable
  bool named_ = false;       // the directory is synced since the segment has its name
  std::string buffer_;       // records not yet given to the writer
  std::string writing_;      // given to the writer, not yet durable
  uint64_t position_;
  uint64_t durable_;
  uint64_t attempts_ = 0;        // begun
  uint64_t failed_attempt_ = 0;  // the last that failed
  uint64_t waiters_ = 0;
  std::optional<Upcoming> upcoming_;
  std::atomic<uint64_t> segment_limit_{UINT64_MAX};
  bool stop_ = false;
  Status error_;  // of the last attempt
  std::thread writer_;
};

}  // namespace millrace::feature
