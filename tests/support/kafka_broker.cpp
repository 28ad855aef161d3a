#include "tests/support/kafka_broker.h"

#include <arpa/inet.h>
#include <librdkafka/rdkafka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace weir::test_support {
namespace {

using std::chrono::milliseconds;

std::filesystem::path kafka_jars() {
  const auto jars = deps_folder() / "kafka/lib";
  if (std::filesystem::exists(jars / "kafka_2.13-3.9.1.jar")) return jars;
  throw std::runtime_error("Kafka's jars are not in " + jars.string() +
                           ": run tests/support/fetch_servers.sh kafka (it needs maven and openjdk-17-jre-headless)");
}

// A test that stops the broker on purpose must not fill the output; what matters comes back as results.
void silence(rd_kafka_conf_t* conf) {
  rd_kafka_conf_set_log_cb(conf, nullptr);
  rd_kafka_conf_set_error_cb(conf, [](rd_kafka_t*, int, const char*, void*) {});
}

// A node answers metadata requests only after it has joined its own quorum, so a listening port is not enough.
bool answers(const std::string& bootstrap) {
  char error[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap.c_str(), error, sizeof error);
  silence(conf);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
  if (client == nullptr) throw std::runtime_error(error);
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto result = rd_kafka_metadata(client, 0, nullptr, &metadata, 1000);
  const bool ready = result == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->broker_cnt == 1;
  if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
  rd_kafka_destroy(client);
  return ready;
}

bool port_open(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(descriptor);
  return connected;
}

std::string bytes(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

KafkaRecord to_record(const rd_kafka_message_t& message) {
  KafkaRecord record;
  record.topic = rd_kafka_topic_name(message.rkt);
  record.partition = message.partition;
  record.offset = message.offset;
  if (message.key != nullptr) record.key = bytes(message.key, message.key_len);
  if (message.payload != nullptr) record.value = bytes(message.payload, message.len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    record.headers.emplace_back(name, value == nullptr ? "" : bytes(value, size));
  }
  return record;
}

struct DestroyMessage {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using Message = std::unique_ptr<rd_kafka_message_t, DestroyMessage>;

void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  char error[256];
  if (rd_kafka_conf_set(conf, name, value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK)
    throw std::runtime_error(error);
}

}  // namespace

KafkaBroker::KafkaBroker(int partitions)
    : partitions_(partitions), folder_("kafka"), port_(free_port()), controller_port_(free_port()) {
  kafka_jars();
  format_storage();
  start();
}

KafkaBroker::~KafkaBroker() {
  kill_hard();
}

std::vector<std::string> KafkaBroker::java(const std::string& main_class) const {
  return {"java",    "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", kafka_jars().string() + "/*",
          main_class};
}

void KafkaBroker::format_storage() {
  const auto port = std::to_string(port_);
  const auto controller = std::to_string(controller_port_);
  write_file(folder_ / "server.properties",
             "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:" + controller +
                 "\nlisteners=PLAINTEXT://127.0.0.1:" + port + ",CONTROLLER://127.0.0.1:" + controller +
                 "\nadvertised.listeners=PLAINTEXT://127.0.0.1:" + port +
                 "\ncontroller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n"
                 "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\nlog.dirs=" +
                 (folder_ / "data").string() + "\nnum.partitions=" + std::to_string(partitions_) +
                 "\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n"
                 "group.initial.rebalance.delay.ms=0\ntransaction.state.log.replication.factor=1\n"
                 "transaction.state.log.min.isr=1\ntransaction.state.log.num.partitions=1\n"
                 // A killed broker may come back only after its old registration has timed out.
                 "broker.session.timeout.ms=1000\nbroker.heartbeat.interval.ms=200\n");
  auto command = java("kafka.tools.StorageTool");
  command.insert(command.end(),
                 {"format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", (folder_ / "server.properties").string()});
  const int status = run({.arguments = command, .stdout_path = folder_ / "format.log", .folder = folder_.path()});
  if (status != 0)
    throw std::runtime_error("Kafka's storage could not be formatted:\n" + tail_of(folder_ / "format.log"));
}

void KafkaBroker::start() {
  auto command = java("kafka.Kafka");
  command.push_back((folder_ / "server.properties").string());
  process_ = std::make_unique<ChildProcess>(
      Launch{.arguments = command, .stdout_path = folder_ / "broker.log", .folder = folder_.path()});
  bool ready = false;
  eventually(std::chrono::seconds(60), [&] {
    ready = port_open(port_) && answers(bootstrap());
    return ready || !process_->running();
  });
  if (!ready) throw std::runtime_error("Kafka did not start:\n" + tail_of(folder_ / "broker.log"));
}

void KafkaBroker::stop() {
  if (!process_) return;
  process_->send_signal(SIGTERM);
  if (!process_->wait(std::chrono::seconds(30)))
    throw std::runtime_error("Kafka did not stop:\n" + tail_of(folder_ / "broker.log"));
  process_.reset();
}

void KafkaBroker::kill_hard() {
  process_.reset();
}

std::string KafkaBroker::log() const {
  return read_file(folder_ / "broker.log");
}

std::string KafkaRecord::header(const std::string& name) const {
  for (const auto& [own, value] : headers) {
    if (own == name) return value;
  }
  return {};
}

KafkaReader::KafkaReader(const std::string& bootstrap) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "group.id", "weir-tests");
  set(conf, "enable.auto.commit", "false");
  set(conf, "enable.partition.eof", "true");
  set(conf, "isolation.level", "read_committed");
  set(conf, "auto.offset.reset", "error");
  set(conf, "fetch.wait.max.ms", "20");
  set(conf, "reconnect.backoff.max.ms", "200");
  silence(conf);
  char error[256];
  consumer_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
  if (consumer_ == nullptr) throw std::runtime_error(error);
  rd_kafka_poll_set_consumer(consumer_);
}

KafkaReader::~KafkaReader() {
  rd_kafka_consumer_close(consumer_);
  rd_kafka_destroy(consumer_);
}

std::vector<std::string> KafkaReader::topics(const std::string& prefix) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto result = rd_kafka_metadata(consumer_, 1, nullptr, &metadata, 10000);
  if (result != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(std::string("Kafka: ") + rd_kafka_err2str(result));
  std::vector<std::string> names;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const std::string name = metadata->topics[i].topic;
    if (name.compare(0, prefix.size(), prefix) == 0 && name != "__consumer_offsets") names.push_back(name);
  }
  rd_kafka_metadata_destroy(metadata);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<KafkaReader::Partition> KafkaReader::partitions_of(const std::vector<std::string>& topics,
                                                               milliseconds at_most) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto result = rd_kafka_metadata(consumer_, 1, nullptr, &metadata, static_cast<int>(at_most.count()));
  if (result != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(std::string("Kafka: ") + rd_kafka_err2str(result));
  std::vector<Partition> found;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const auto& topic = metadata->topics[i];
    if (std::find(topics.begin(), topics.end(), topic.topic) == topics.end()) continue;
    for (int p = 0; p < topic.partition_cnt; ++p) found.emplace_back(topic.topic, topic.partitions[p].id);
  }
  rd_kafka_metadata_destroy(metadata);
  return found;
}

void KafkaReader::assign(const std::vector<Partition>& partitions) {
  auto* list = rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size()));
  for (const auto& partition : partitions) {
    const auto known = next_.find(partition);
    rd_kafka_topic_partition_list_add(list, partition.first.c_str(), partition.second)->offset =
        known == next_.end() ? RD_KAFKA_OFFSET_BEGINNING : known->second;
  }
  const auto result = rd_kafka_assign(consumer_, list);
  rd_kafka_topic_partition_list_destroy(list);
  if (result != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(std::string("Kafka: ") + rd_kafka_err2str(result));
}

std::vector<KafkaRecord> KafkaReader::read_to_end(const std::vector<std::string>& topics, milliseconds at_most) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  const auto partitions = partitions_of(topics, at_most);
  std::set<Partition> unfinished(partitions.begin(), partitions.end());
  if (unfinished.empty()) return {};
  assign(partitions);
  std::vector<KafkaRecord> records;
  while (!unfinished.empty()) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("Kafka did not let the topics be read in time");
    const Message message(rd_kafka_consumer_poll(consumer_, 100));
    if (!message) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      unfinished.erase({rd_kafka_topic_name(message->rkt), message->partition});
    } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      records.push_back(to_record(*message));
      next_[{records.back().topic, records.back().partition}] = records.back().offset + 1;
    }
  }
  return records;
}

}  // namespace weir::test_support
