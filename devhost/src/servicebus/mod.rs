//! Service Bus on your desk: durable entities (see [`broker`]) and the AMQP 1.0 door that any Service Bus SDK can use
//! (see [`amqp`]).
