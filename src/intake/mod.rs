//! Files, imports and forms become inventory changes.
