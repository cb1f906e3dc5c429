import type { FaultKind } from "../../plan/faults";
import { MACHINE_TYPES } from "../../plan/machineTypes";
import type { EmulatedCloud } from "./cloud";
import type { Fault } from "./store";

/** AWS SDK v2 in terraform-provider-aws: "<doing>: operation error <service>: <operation>, https response error …, api error <code>: <text>". */
const aws = (status: number, error: string, retried = ""): string =>
  `creating EC2 Instance: operation error EC2: RunInstances, ${retried}https response error StatusCode: ${status}, ` +
  `RequestID: 3d4e5f6a-7b8c-4d9e-0f1a-2b3c4d5e6f7a, api error ${error}`;

/** customError.Error of terraform-provider-oci, internal/tfresource/errors.go, with the spaces before its line ends. */
const oci = (error: string, suggestion: string): string =>
  [
    error,
    `Suggestion: ${suggestion}`,
    "Documentation: https://registry.terraform.io/providers/oracle/oci/latest/docs/resources/core_instance ",
    "API Reference: https://docs.oracle.com/iaas/api/#/en/iaas/20160918/Instance/LaunchInstance ",
    "Request Target: POST https://iaas.us-ashburn-1.oraclecloud.com/20160918/instances ",
    "Service: Core Instance ",
    "Operation Name: LaunchInstance ",
    "OPC request ID: 5a48ece212d02f2995eb2f35d89dc45b/FDE0C3F949F8B8CB2A53C99106A25F87/09D6DB080E447AB18A3F1106B1DCFACF ",
    "",
  ].join("\n");

/** resourceVultrInstanceCreate of terraform-provider-vultr, with the API's answer as govultr returns it. */
const vultr = (error: string, status: number): string =>
  `error creating server: {"error":"${error}","status":${status}}`;

/** resourceInstanceCreate of terraform-provider-civo; the names are civogo's (errors.go), the reasons the API's. */
const civo = (error: string): string => `[ERR] failed to create instance: ${error}`;

/** createResource of terraform-provider-linode; linodego writes "[status] [field] reason". */
const linode = (error: string): string => `Error creating a Linode Instance: ${error}`;

/** packngo's ErrorResponse: "<method> <url>: <status> <errors>". */
const metal = (status: number, error: string): string =>
  `POST https://api.equinix.com/metal/v1/projects/00000000-0000-4000-8000-00000000e341/devices?include=plan: ${status} ${error} `;

/**
 * The clouds' own words, in the form in which their providers hand them on. Seen in the wild, at the place named beside
 * each; "form" means that the envelope is the provider's and the sentence in it is ours, because none was found.
 */
export const FAULT_TEXTS: Record<EmulatedCloud, Record<FaultKind, string>> = {
  aws: {
    // docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, all of EC2's codes and sentences
    capacity: aws(
      500,
      "InsufficientInstanceCapacity: We currently do not have sufficient t3.large capacity in the Availability Zone you requested (us-west-2a). Our system will be working on provisioning additional capacity. You can currently get t3.large capacity by not specifying an Availability Zone in your request or choosing us-west-2b, us-west-2c.",
    ),
    quota: aws(
      400,
      "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 5 allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
    ),
    "rate limit": aws(
      503,
      "RequestLimitExceeded: Request limit exceeded.",
      "exceeded maximum number of attempts, 25, ",
    ),
    // hashicorp/terraform-provider-aws, CHANGELOG: what follows a skipped validation
    credentials: aws(401, "AuthFailure: AWS was not able to validate the provided access credentials"),
    permission: aws(
      403,
      "UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:us-west-2:123456789012:instance/* because no identity-based policy allows the ec2:RunInstances action.",
    ),
    "unknown size": aws(
      400,
      "Unsupported: Your requested instance type (t3.large) is not supported in your requested Availability Zone (us-west-2d). Please retry your request by not specifying an Availability Zone or choosing us-west-2a, us-west-2b, us-west-2c.",
    ),
    "unknown image": aws(400, "InvalidAMIID.NotFound: The image id '[ami-0fedcba9876543210]' does not exist"),
  },
  oci: {
    // jpetazzo/ampernetacle#54, clementalo9/n8n_oci#46 (us-ashburn-1, provider 7.7.0)
    capacity: oci(
      "500-InternalError, Out of host capacity.",
      "The service for this resource encountered an error. Please contact support for help with service: Core Instance",
    ),
    // jpetazzo/ampernetacle#35
    quota: oci(
      "400-LimitExceeded, The following service limits were exceeded: standard-e5-core-count. Request a service limit increase from the service limits page in the console. ",
      "Request a service limit increase for this resource Core Instance",
    ),
    // ManageIQ/manageiq#22936: "Too many requests for the tenant"
    "rate limit": oci(
      "429-TooManyRequests, Too many requests for the tenant",
      "Please retry or contact support for help with service: Core Instance",
    ),
    credentials: oci(
      "401-NotAuthenticated, The required information to complete authentication was not provided or was incorrect.",
      "Please retry or contact support for help with service: Core Instance",
    ),
    // form and sentence in many issues; the same for what does not exist
    permission: oci(
      "404-NotAuthorizedOrNotFound, Authorization failed or requested resource not found.",
      "Either the resource has been deleted or service Core Instance need policy to access this resource. Policy reference: https://docs.oracle.com/en-us/iaas/Content/Identity/Reference/policyreference.htm",
    ),
    "unknown size": oci(
      "404-NotAuthorizedOrNotFound, shape VM.Standard.E5.Flex not found",
      "Either the resource has been deleted or service Core Instance need policy to access this resource.",
    ),
    "unknown image": oci(
      "400-InvalidParameter, Shape VM.Standard.E5.Flex is not valid for image ocid1.image.oc1.iad.next",
      "Please update the parameter(s) in the Terraform config as per error message Shape is not valid for image",
    ),
  },
  vultr: {
    // vultr.com's API since v1; seen with v2 as "plan is not available in the selected region"
    capacity: vultr("Server add failed: Plan is not available in the selected region.", 400),
    quota: vultr(
      "Server add failed: You have reached the maximum monthly fee limit for this account. To deploy additional services, please request a limit increase.",
      403,
    ),
    // vultr/terraform-provider-vultr#103: after the provider's own attempts
    "rate limit":
      'error creating server: gave up after 4 attempts, last error: "{\\"status\\": 429,\\"error\\": \\"rate limit exceeded\\"}"',
    // prometheus/prometheus, discovery/vultr: the API's answer word for word
    credentials: vultr("Invalid API token.", 401),
    permission: vultr("Unauthorized IP address: 203.0.113.9", 401),
    // vultr/terraform-provider-vultr#377
    "unknown size": vultr("Invalid plan chosen.", 400),
    "unknown image": vultr("Invalid OS ID.", 400),
  },
  civo: {
    // civogo knows the codes; the sentences behind them: form
    capacity: civo("OutOFCapacityError: the region is out of capacity for this size"),
    quota: civo("QuotaLimitReachedError: your request would exceed your instance quota"),
    // civogo cannot read the gateway's answer and hands it on
    "rate limit": civo(
      "ResponseDecodeFailed: failed to decode the response expected from the API - status: 429 Too Many Requests, code: 429, reason: Too Many Requests",
    ),
    credentials: civo("AuthenticationFailedError: Sorry, the API key provided is invalid"),
    permission: civo("AuthenticationAccessDeniedError: access denied"),
    "unknown size": civo("DatabaseInstanceSizeNotFoundError: unable to find the size"),
    "unknown image": "[ERR] failed to get the template: unable to find ubuntu-noble, zero matches",
  },
  linode: {
    // linode/terraform-provider-linode's users in restricted regions
    capacity: linode(
      "[400] [region] Resource creation in this region is currently restricted due to limited deployment. Please refer to the Region Availability documentation for more details.",
    ),
    // pulumi/templates#184
    quota: linode("[400] Account Limit reached. Please open a support ticket."),
    // linodego waits as Retry-After says before it gives up; the sentence: form
    "rate limit": linode("[429] Too many requests"),
    // linode/cluster-api-provider-linode, controller tests
    credentials: linode("[401] Invalid Token"),
    permission: linode("[401] Your OAuth token is not authorized to use this endpoint."),
    // linode/linode-cli, integration tests
    "unknown size": linode("[400] [type] A valid plan type by that ID was not found"),
    "unknown image": linode("[400] [image] image is not valid"),
  },
  "equinix-metal": {
    // equinixmetal-archive/packngo#246, and users' lists of errors
    capacity: metal(422, "There aren't available servers in that metro"),
    // form: the service has ended, and nobody kept the sentence
    quota: metal(422, "You have reached the maximum number of devices for this project"),
    "rate limit": metal(429, "Too many requests"),
    credentials: metal(401, "Invalid authentication token"),
    // equinix/terraform-provider-equinix#743
    permission: metal(403, "Access denied for the current authentication token"),
    "unknown size": metal(422, "Plan c3.small.x86 is not valid"),
    "unknown image": metal(422, "Operating system ubuntu_24_04 is not valid"),
  },
};

/** The next machines of the cloud are refused, for the given reason and in the cloud's own words. */
export const machineFault = (cloud: EmulatedCloud, kind: FaultKind, times = 1): Fault => ({
  ...{ cloud, type: MACHINE_TYPES[cloud], operation: "create", message: FAULT_TEXTS[cloud][kind], times },
});

/** The next machines of the cloud cannot be had: no capacity. */
export const outOfCapacity = (cloud: EmulatedCloud, times = 1): Fault => machineFault(cloud, "capacity", times);

/** The next machines of the cloud cannot be had: the account's limit. */
export const quotaExceeded = (cloud: EmulatedCloud, times = 1): Fault => machineFault(cloud, "quota", times);
