/** Where traces go, as part of the schema. What else a collector wants is said in the variables of OpenTelemetry (OTEL_…). */
import { Type } from 'typebox';

export const traceSettings = {
  otlpEndpoint: Type.Optional(
    Type.String({
      pattern: '^https?://[^/]+',
      description:
        'Collector of OpenTelemetry traces, such as http://localhost:4318 (OTLP over HTTP, /v1/traces is added). Without it none are made. See docs/operations.md.',
    }),
  ),
};
