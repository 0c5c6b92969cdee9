SELECT backend,
    nexus_usage_saturate(sum(added_api_requests)),
    nexus_usage_saturate(sum(added_egress_bytes)),
    nexus_usage_saturate(sum(added_ingress_bytes)),
    nexus_usage_saturate(sum(taken_api_requests)),
    nexus_usage_saturate(sum(taken_egress_bytes)),
    nexus_usage_saturate(sum(taken_ingress_bytes)),
    nexus_usage_saturate(sum(added_api_requests) FILTER (WHERE writer = $3::text::uuid)),
    nexus_usage_saturate(sum(added_egress_bytes) FILTER (WHERE writer = $3::text::uuid)),
    nexus_usage_saturate(sum(added_ingress_bytes) FILTER (WHERE writer = $3::text::uuid)),
    nexus_usage_saturate(sum(taken_api_requests) FILTER (WHERE writer = $3::text::uuid)),
    nexus_usage_saturate(sum(taken_egress_bytes) FILTER (WHERE writer = $3::text::uuid)),
    nexus_usage_saturate(sum(taken_ingress_bytes) FILTER (WHERE writer = $3::text::uuid))
FROM nexus_usage_counted
WHERE period = $1 AND backend = ANY ($2)
GROUP BY backend
