#include "emitters/kafka.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "emitters/kafka_handles.h"
#include "emitters/kafka_settings.h"
#include "emitters/send_queue.h"

namespace weir::emitters {
namespace {

using namespace kafka;  // NOLINT(google-build-using-namespace): its handles, and nothing else
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds shortest_backoff{100};
constexpr milliseconds longest_backoff{10'000};
/// How long answers to requests already sent are waited for before the producer is made anew.
constexpr milliseconds drain_limit{10'000};
/// So much makes a batch that is handed over before there is nothing more to collect.
constexpr std::size_t full_batch_records = 512;
constexpr std::size_t full_batch_bytes = 1 << 20;
/// A topic that exists must not wait for a controller that is away.
constexpr milliseconds create_topics_timeout{5'000};

using Partitioner = int32_t (*)(const rd_kafka_topic_t*, const void*, size_t, int32_t, void*, void*);

/// Records without a key keep their order by going to one partition, chosen by the topic's name. With a key the
/// `…_random` partitioners and their plain forms are the same.
template <Partitioner keyed>
int32_t partition_of(const rd_kafka_topic_t* topic, const void* key, size_t length, int32_t partitions, void* opaque,
                     void* message) {
  if (key != nullptr) return keyed(topic, key, length, partitions, opaque, message);
  const char* name = rd_kafka_topic_name(topic);
  return rd_kafka_msg_partitioner_murmur2(topic, name, std::strlen(name), partitions, opaque, message);
}

Partitioner partitioner_named(const std::string& name) {
  if (name.starts_with("fnv1a")) return partition_of<rd_kafka_msg_partitioner_fnv1a>;
  if (name.starts_with("consistent")) return partition_of<rd_kafka_msg_partitioner_consistent>;
  return partition_of<rd_kafka_msg_partitioner_murmur2>;
}

/// Refusals that no waiting and no other request can change. All else is tried again.
bool is_for_ever(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return true;
    default:
      return false;
  }
}

bool is_unknown_topic(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

const char* advice(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return "check the host name";
    case RD_KAFKA_RESP_ERR__SSL:
      return "check security.protocol and the ssl.* properties";
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return "check the sasl.* properties";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return "grant this user Write (and IdempotentWrite on brokers before 2.8)";
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
      return "check topic.replication against the number of brokers";
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
      return "check topic.partitions";
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
      return "check that the brokers run, and the address they advertise";
    default:
      return "Weir keeps the events and tries again";
  }
}

/// Creation was not allowed, is not offered or nobody is there to do it: the topic may exist all the same, or be made
/// by the broker itself, which is as good unless it must have a certain shape.
bool leaves_creation_to_broker(rd_kafka_resp_err_t error, const KafkaSettings& settings) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
      return settings.topic_partitions == -1 && settings.topic_replication == -1;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
      return true;
    default:
      return false;
  }
}

class KafkaEmitter final : public Emitter {
 public:
  KafkaEmitter(KafkaOptions options, KafkaSettings settings, Conf conf, SendQueue::Limits limits)
      : options_(std::move(options)), settings_(std::move(settings)), conf_(std::move(conf)), queue_(limits) {}
  ~KafkaEmitter() override { stop(); }

  Result<void> start();

  const std::string& name() const override { return options_.name; }
  Result<bool> offer(std::vector<Record>&& batch, event::Position position, bool ends) override;
  event::Position durable_through() override;
  std::vector<Refused> take_refused() override;
  void wait(milliseconds at_most) override;
  bool close(milliseconds at_most) override;
  std::string trouble() override;

 private:
  struct Topic {
    enum class State { wanted, asked, usable, refused };
    State state = State::wanted;
    std::string name;  ///< as Kafka allows it
    TopicHandle handle;
    std::string reason;    ///< why it is refused
    std::string creation;  ///< why it could not be created
  };

  void stop();
  void turn(milliseconds at_most);
  void serve(Event event);
  void delivered(rd_kafka_event_t* event);
  void doubtful(SendQueue::Entry& entry);
  void not_delivered(SendQueue::Entry& entry, const rd_kafka_message_t& message);
  void heard_error(rd_kafka_event_t* event);
  void replace_producer_when_drained();

  void pump();
  void collect(std::size_t records, std::size_t bytes);
  bool send(SendQueue::Entry& entry, Topic& topic);
  rd_kafka_resp_err_t produce(SendQueue::Entry& entry, Topic& topic);

  Topic& topic_of(const std::string& name);
  void ask_for_topics();
  void topics_created(rd_kafka_event_t* event);
  void topic_answered(Topic& topic, rd_kafka_resp_err_t error, const std::string& text);

  void complain(rd_kafka_resp_err_t error, const std::string& text);
  void back_off();

  KafkaOptions options_;
  KafkaSettings settings_;
  Conf conf_;
  SendQueue queue_;  ///< outlives the producer, which points into it
  Client producer_;
  Queue events_;
  std::unordered_map<std::string, Topic> topics_;
  std::pair<const std::string, Topic>* last_topic_ = nullptr;  ///< the one that was asked for last
  bool topics_asked_ = false;                                  ///< a CreateTopics request is on its way
  bool topics_wanted_ = false;
  Clock::time_point ask_topics_at_{};
  Clock::time_point send_at_{};
  std::optional<Clock::time_point> drain_until_;
  bool collecting_ = false;  ///< more may be offered at once; what was is not handed over yet
  std::size_t collected_records_ = 0;
  std::size_t collected_bytes_ = 0;
  milliseconds backoff_ = shortest_backoff;
  bool acknowledged_before_ = false;
  bool closed_ = false;
  std::string trouble_;
};

// -- the producer's life --------------------------------------------------------------------------------------------

Result<void> KafkaEmitter::start() {
  std::array<char, 512> text{};
  Conf conf(rd_kafka_conf_dup(conf_.get()));
  producer_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), text.data(), text.size()));
  if (!producer_) {
    return Error{"kafka " + options_.brokers + ": " + text.data() + "; check the properties of this emitter", ""};
  }
  static_cast<void>(conf.release());  // the producer owns it now
  events_.reset(rd_kafka_queue_get_main(producer_.get()));
  rd_kafka_set_log_queue(producer_.get(), nullptr);
  return {};
}

void KafkaEmitter::stop() {
  topics_.clear();
  last_topic_ = nullptr;
  topics_asked_ = false;
  events_.reset();
  producer_.reset();
}

void KafkaEmitter::replace_producer_when_drained() {
  if (!queue_.interrupted() && producer_) return;
  const auto now = Clock::now();
  if (producer_ && !drain_until_) {
    drain_until_ = now + drain_limit;
    // What was not sent yet comes back at once; answers to what was sent are waited for, since a request that is still
    // under way could otherwise be written behind the newer ones of the next producer.
    rd_kafka_purge(producer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
  }
  if (producer_ && queue_.on_its_way() > 0 && now < *drain_until_) return;
  stop();
  queue_.rewind();
  drain_until_.reset();
  if (const Result<void> started = start(); !started) {
    trouble_ = started.error().message;
    back_off();
  }
}

void KafkaEmitter::back_off() {
  send_at_ = Clock::now() + backoff_;
  backoff_ = std::min(backoff_ * 2, longest_backoff);
}

void KafkaEmitter::complain(rd_kafka_resp_err_t error, const std::string& text) {
  // "All brokers down" says less than the broker's own error just before it.
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !trouble_.empty()) return;
  trouble_ = "kafka " + options_.brokers + ": " + text + "; " + advice(error);
}

// -- events from librdkafka -----------------------------------------------------------------------------------------

void KafkaEmitter::turn(milliseconds at_most) {
  if (!producer_) {
    const auto rest = std::max(send_at_ - Clock::now(), Clock::duration::zero());
    std::this_thread::sleep_for(std::min<Clock::duration>(at_most, rest));
  } else {
    int timeout = static_cast<int>(std::clamp<milliseconds::rep>(at_most.count(), 0, std::numeric_limits<int>::max()));
    while (Event event{rd_kafka_queue_poll(events_.get(), timeout)}) {
      serve(std::move(event));
      timeout = 0;
    }
  }
  if (producer_ || Clock::now() >= send_at_) replace_producer_when_drained();
  pump();
}

void KafkaEmitter::serve(Event event) {
  switch (rd_kafka_event_type(event.get())) {
    case RD_KAFKA_EVENT_DR:
      return delivered(event.get());
    case RD_KAFKA_EVENT_ERROR:
      return heard_error(event.get());
    case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
      return topics_created(event.get());
    case RD_KAFKA_EVENT_LOG: {
      const char* facility = "";
      const char* line = "";
      int level = 0;
      if (options_.log && rd_kafka_event_log(event.get(), &facility, &line, &level) == 0) {
        options_.log(level, std::string(facility) + ": " + line);
      }
      return;
    }
    default:
      return;
  }
}

void KafkaEmitter::delivered(rd_kafka_event_t* event) {
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    auto& entry = *static_cast<SendQueue::Entry*>(message->_private);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      not_delivered(entry, *message);
      continue;
    }
    if (message->offset < 0) {
      doubtful(entry);
      continue;
    }
    acknowledged_before_ = true;
    if (!queue_.acknowledged(entry)) continue;
    backoff_ = shortest_backoff;
    trouble_.clear();
  }
}

/// librdkafka takes a request for written when a later one of the same partition was. Where the broker had no memory of
/// this producer yet (a new topic, whose first request came too early) that is wrong, and the record is nowhere.
void KafkaEmitter::doubtful(SendQueue::Entry& entry) {
  if (options_.log && !queue_.interrupted()) {
    options_.log(5, "topic " + topic_of(entry.record.topic).name + ": acknowledged without an offset; sent again");
  }
  queue_.failed(entry);
}

void KafkaEmitter::not_delivered(SendQueue::Entry& entry, const rd_kafka_message_t& message) {
  std::string why = rd_kafka_err2str(message.err);
  // The broker checks little else of a record, and says no more here.
  if (message.err == RD_KAFKA_RESP_ERR_INVALID_RECORD && !entry.record.key) why = "no key on a compacted topic: " + why;
  if (is_for_ever(message.err)) return queue_.refused(entry, why);
  const bool first = !queue_.interrupted();
  queue_.failed(entry);
  const bool purged = message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
  if (!first || purged) return;
  back_off();
  const Topic& topic = topic_of(entry.record.topic);
  std::string text = "topic " + topic.name + ": " + why;
  if (is_unknown_topic(message.err)) {
    text += topic.creation.empty() ? "" : ", and it could not be created: " + topic.creation;
    text += "; create it, or let this user or the broker (auto.create.topics.enable) create topics";
  }
  complain(message.err, text);
}

void KafkaEmitter::heard_error(rd_kafka_event_t* event) {
  const rd_kafka_resp_err_t error = rd_kafka_event_error(event);
  if (rd_kafka_event_error_is_fatal(event) != 0 || error == RD_KAFKA_RESP_ERR__FATAL) queue_.interrupt();
  complain(error, rd_kafka_event_error_string(event));
}

// -- sending --------------------------------------------------------------------------------------------------------

/// librdkafka sends what it has as soon as it is given the first record: a request for it alone, and a second one for
/// the rest, where they come one by one.
void KafkaEmitter::collect(std::size_t records, std::size_t bytes) {
  collected_records_ += records;
  collected_bytes_ += bytes;
  collecting_ = collected_records_ < full_batch_records && collected_bytes_ < full_batch_bytes;
}

void KafkaEmitter::pump() {
  if (!producer_ || collecting_ || Clock::now() < send_at_) return;
  collected_records_ = collected_bytes_ = 0;
  while (SendQueue::Entry* entry = queue_.next()) {
    Topic& topic = topic_of(entry->record.topic);
    if (topic.state == Topic::State::refused) {
      queue_.reject(*entry, topic.reason);
    } else if (topic.state != Topic::State::usable || !send(*entry, topic)) {
      break;
    }
  }
  ask_for_topics();
}

/// False where nothing more can be sent now.
bool KafkaEmitter::send(SendQueue::Entry& entry, Topic& topic) {
  const rd_kafka_resp_err_t error = produce(entry, topic);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    queue_.sent(entry);
    return true;
  }
  if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
  if (is_for_ever(error)) {
    queue_.reject(entry, std::string(rd_kafka_err2str(error)) +
                             " (librdkafka's message.max.bytes, the topic's "
                             "max.message.bytes)");
    return true;
  }
  queue_.failed(entry);
  back_off();
  complain(error, "topic " + topic.name + ": " + rd_kafka_err2str(error));
  return false;
}

rd_kafka_resp_err_t KafkaEmitter::produce(SendQueue::Entry& entry, Topic& topic) {
  const Record& record = entry.record;
  Headers headers;
  if (!record.headers.empty()) {
    headers.reset(rd_kafka_headers_new(record.headers.size()));
    for (const auto& [name, value] : record.headers) {
      rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                          static_cast<ssize_t>(value.size()));
    }
  }
  const void* key = record.key ? record.key->data() : nullptr;
  const std::size_t key_size = record.key ? record.key->size() : 0;
  // The value is not copied: the entry holds it until its delivery was reported, or the producer is gone.
  void* value = record.value ? const_cast<char*>(record.value->data()) : nullptr;
  const std::size_t value_size = record.value ? record.value->size() : 0;
  // librdkafka's macros are statement expressions, which clang warns of.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
  const rd_kafka_resp_err_t error =
      rd_kafka_producev(producer_.get(), RD_KAFKA_V_RKT(topic.handle.get()), RD_KAFKA_V_MSGFLAGS(0),
                        RD_KAFKA_V_KEY(key, key_size), RD_KAFKA_V_VALUE(value, value_size), RD_KAFKA_V_OPAQUE(&entry),
                        RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_END);
#pragma GCC diagnostic pop
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) static_cast<void>(headers.release());  // the message owns them now
  return error;
}

// -- topics ---------------------------------------------------------------------------------------------------------

KafkaEmitter::Topic& KafkaEmitter::topic_of(const std::string& name) {
  if (last_topic_ != nullptr && last_topic_->first == name) return last_topic_->second;
  const auto [place, is_new] = topics_.try_emplace(name);
  last_topic_ = &*place;
  Topic& topic = place->second;
  if (is_new) {
    topic.name = kafka_topic_name(name);
    topics_wanted_ = true;
    if (!settings_.create_topics) topic_answered(topic, RD_KAFKA_RESP_ERR_NO_ERROR, {});
  }
  return topic;
}

void KafkaEmitter::ask_for_topics() {
  if (!topics_wanted_ || topics_asked_ || Clock::now() < ask_topics_at_) return;
  topics_wanted_ = false;
  std::vector<NewTopic> topics;
  std::vector<rd_kafka_NewTopic_t*> pointers;
  for (auto& [name, topic] : topics_) {
    if (topic.state != Topic::State::wanted) continue;
    topic.state = Topic::State::asked;
    topics.emplace_back(
        rd_kafka_NewTopic_new(topic.name.c_str(), settings_.topic_partitions, settings_.topic_replication, nullptr, 0));
    pointers.push_back(topics.back().get());
  }
  if (pointers.empty()) return;
  const AdminOptions options(rd_kafka_AdminOptions_new(producer_.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(create_topics_timeout.count()), nullptr, 0);
  rd_kafka_CreateTopics(producer_.get(), pointers.data(), pointers.size(), options.get(), events_.get());
  topics_asked_ = true;
}

void KafkaEmitter::topics_created(rd_kafka_event_t* event) {
  topics_asked_ = false;
  const rd_kafka_resp_err_t whole = rd_kafka_event_error(event);
  const char* whole_text = rd_kafka_event_error_string(event);
  std::size_t count = 0;
  const rd_kafka_CreateTopics_result_t* result = rd_kafka_event_CreateTopics_result(event);
  const rd_kafka_topic_result_t** answers =
      result != nullptr ? rd_kafka_CreateTopics_result_topics(result, &count) : nullptr;
  for (auto& entry : topics_) {
    Topic& topic = entry.second;
    if (topic.state != Topic::State::asked) continue;
    const auto* found = std::find_if(answers, answers + count, [&](const rd_kafka_topic_result_t* answer) {
      return topic.name == rd_kafka_topic_result_name(answer);
    });
    if (whole != RD_KAFKA_RESP_ERR_NO_ERROR || found == answers + count) {
      topic_answered(topic, whole, whole_text != nullptr ? whole_text : "not answered");
    } else {
      const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(*found);
      const char* text = rd_kafka_topic_result_error_string(*found);
      topic_answered(topic, error, text != nullptr ? text : rd_kafka_err2str(error));
    }
  }
}

void KafkaEmitter::topic_answered(Topic& topic, rd_kafka_resp_err_t error, const std::string& text) {
  const bool there = error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
  if (there || leaves_creation_to_broker(error, settings_)) {
    topic.state = Topic::State::usable;
    if (!there) topic.creation = text;
    topic.handle.reset(rd_kafka_topic_new(producer_.get(), topic.name.c_str(), nullptr));
    return;
  }
  if (error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
    topic.state = Topic::State::refused;
    topic.reason = "topic " + topic.name + ": " + text;
    return;
  }
  topic.state = Topic::State::wanted;
  topics_wanted_ = true;
  ask_topics_at_ = Clock::now() + backoff_;
  backoff_ = std::min(backoff_ * 2, longest_backoff);
  complain(error, "topic " + topic.name + " could not be created: " + text);
}

// -- the contract ---------------------------------------------------------------------------------------------------

Result<bool> KafkaEmitter::offer(std::vector<Record>&& batch, event::Position position, bool ends) {
  if (closed_) return Error{options_.name + ": offered to after close", ""};
  const std::size_t bytes = queue_.bytes();
  const std::size_t records = batch.size();
  if (producer_) {
    for (const Record& record : batch) topic_of(record.topic);  // so that all new topics are asked for in one request
  }
  if (!queue_.add(std::move(batch), position, ends)) return false;
  collect(records, queue_.bytes() - bytes);
  pump();
  return true;
}

event::Position KafkaEmitter::durable_through() {
  return queue_.durable_through();
}

std::vector<Refused> KafkaEmitter::take_refused() {
  turn(milliseconds{0});
  return queue_.take_refused();
}

void KafkaEmitter::wait(milliseconds at_most) {
  collecting_ = false;
  pump();
  turn(at_most);
}

bool KafkaEmitter::close(milliseconds at_most) {
  closed_ = true;
  collecting_ = false;
  const auto deadline = Clock::now() + at_most;
  turn(milliseconds{0});
  while (!queue_.settled() && Clock::now() < deadline) {
    const auto rest = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    turn(std::clamp(rest, milliseconds{0}, milliseconds{20}));
  }
  return queue_.empty();
}

std::string KafkaEmitter::trouble() {
  // A broker that hangs up on an idle client is no trouble.
  return queue_.settled() && acknowledged_before_ ? std::string() : trouble_;
}

// -- configuration --------------------------------------------------------------------------------------------------

Result<void> set(rd_kafka_conf_t* conf, const std::string& property, const std::string& value) {
  std::array<char, 512> text{};
  if (rd_kafka_conf_set(conf, property.c_str(), value.c_str(), text.data(), text.size()) == RD_KAFKA_CONF_OK) return {};
  return Error{"kafka property \"" + property + "\": " + text.data(), ""};
}

std::size_t number_in(const rd_kafka_conf_t* conf, const char* property) {
  std::array<char, 64> text{};
  std::size_t size = text.size();
  if (rd_kafka_conf_get(conf, property, text.data(), &size) != RD_KAFKA_CONF_OK) return 0;
  return std::strtoull(text.data(), nullptr, 10);
}

Result<SendQueue::Limits> limits_of(const rd_kafka_conf_t* conf) {
  const SendQueue::Limits limits{number_in(conf, "queue.buffering.max.messages"),
                                 number_in(conf, "queue.buffering.max.kbytes") * 1024};
  if (limits.records == 0) {
    return Error{"kafka property \"queue.buffering.max.messages\": 0 is no limit, and memory must have one", ""};
  }
  if (number_in(conf, "message.max.bytes") > limits.bytes) {
    return Error{"kafka property \"message.max.bytes\" must not be above queue.buffering.max.kbytes (" +
                     std::to_string(limits.bytes / 1024) + " kB): raise that too",
                 ""};
  }
  return limits;
}

}  // namespace

Result<std::unique_ptr<Emitter>> make_kafka_emitter(const KafkaOptions& options) {
  Result<KafkaSettings> settings = kafka_settings(options.properties);
  if (!settings) return settings.error();
  Conf conf(rd_kafka_conf_new());
  settings->properties.emplace_back("bootstrap.servers", options.brokers);
  for (const auto& [property, value] : settings->properties) {
    if (const Result<void> done = set(conf.get(), property, value); !done) return done.error();
  }
  const Result<SendQueue::Limits> limits = limits_of(conf.get());
  if (!limits) return limits.error();
  rd_kafka_topic_conf_set_partitioner_cb(rd_kafka_conf_get_default_topic_conf(conf.get()),
                                         partitioner_named(settings->partitioner));
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
  auto emitter = std::make_unique<KafkaEmitter>(options, std::move(settings.value()), std::move(conf), *limits);
  if (const Result<void> started = emitter->start(); !started) return started.error();
  return std::unique_ptr<Emitter>(std::move(emitter));
}

}  // namespace weir::emitters
