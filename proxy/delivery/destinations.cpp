#include "proxy/delivery/destinations.h"

#include <algorithm>
#include <utility>

#include "base/notice.h"
#include "base/text.h"

namespace weir::proxy {

namespace {

using capture::Checkpoint;

/// The one destination of before that must mean this one; the end where there is none, or more than one.
std::vector<Checkpoint>::const_iterator earlier_name(const std::vector<Checkpoint>& left,
                                                     const EmitterSettings& emitter) {
  const auto is_same = [&](const Checkpoint& one) { return means_same(one.emitter, emitter); };
  const auto found = std::find_if(left.begin(), left.end(), is_same);
  return std::count_if(left.begin(), left.end(), is_same) == 1 ? found : left.end();
}

Error left_out(const std::vector<Checkpoint>& left, event::Position last, const std::string& journal_path) {
  std::string text = "the journal " + journal_path + " keeps events for ";
  for (const auto& one : left) {
    text += (&one == &left.front() ? "" : " and ") + one.emitter + " (" +
            counted(static_cast<std::uint64_t>(last - one.position), "transaction") + " behind)";
  }
  const std::string journal = " --journal " + journal_path;
  text +=
      ", which this start leaves out: what the other destinations take meanwhile it would never get. Give it again "
      "with --emit";
  for (const auto& one : left) {
    text += "; or, if it has another name now: weir journal rename " + one.emitter + " NEW" + journal +
            "; or, if it is not wanted any more: weir journal forget " + one.emitter + journal;
  }
  return {text, ""};
}

Result<void> begin_new(capture::Book& book, const std::string& name, const std::vector<Checkpoint>& forgotten) {
  const auto before =
      std::find_if(forgotten.begin(), forgotten.end(), [&](const auto& one) { return one.emitter == name; });
  return book.add_destination(name, before == forgotten.end() ? 0 : before->position);
}

}  // namespace

capture::DeadLetter dead_letter_of(const std::string& destination, const emitters::Refused& refused) {
  const auto& record = refused.record;
  return {
      destination, refused.position, record.topic, record.key.value_or(""), record.value.value_or(""), refused.reason,
      {}};
}

DestinationsPlan plan_destinations(const std::vector<Checkpoint>& known,
                                   const std::vector<EmitterSettings>& configured) {
  DestinationsPlan result{{}, {}, known};
  std::vector<const EmitterSettings*> unknown;
  for (const auto& emitter : configured) {
    const auto name = destination_name(emitter);
    if (std::erase_if(result.left, [&](const auto& one) { return one.emitter == name; }) == 0)
      unknown.push_back(&emitter);
  }
  for (const auto* emitter : unknown) {
    const auto before = earlier_name(result.left, *emitter);
    if (before == result.left.end()) {
      result.added.push_back(destination_name(*emitter));
    } else {
      result.renamed.emplace_back(before->emitter, destination_name(*emitter));
      result.left.erase(before);
    }
  }
  return result;
}

Result<std::vector<Notice>> settle_destinations(capture::Book& book, event::Position last,
                                                const std::vector<EmitterSettings>& configured,
                                                const std::string& journal_path) {
  const auto known = book.checkpoints();
  if (!known) return known.error();
  const auto plan = plan_destinations(*known, configured);
  // Where nothing was ever delivered, nothing can be missed: a first start with a wrong name must not stand in the way.
  if (!plan.left.empty() && last > 0) return left_out(plan.left, last, journal_path);
  for (const auto& one : plan.left) {
    if (auto done = book.forget(one.emitter); !done) return done.error();
  }
  std::vector<Notice> notices;
  for (const auto& [before, name] : plan.renamed) {
    if (auto done = book.rename(before, name); !done) return done.error();
    notices.push_back({Notice::Level::info, before + " is " + name + " from now on, and goes on where it stood"});
  }
  const auto forgotten = book.forgotten();
  if (!forgotten) return forgotten.error();
  for (const auto& name : plan.added) {
    if (auto done = begin_new(book, name, *forgotten); !done) return done.error();
  }
  return notices;
}

}  // namespace weir::proxy
