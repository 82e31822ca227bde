// One source for all programs: VERTEX or FRAGMENT, and ROAD, GROUND, OBJECT, CAR, BLOB or SKY,
// are defined in front of it; IDS makes the variant that writes instance ids.

const int LAMPS = 3;

layout(std140) uniform Scene {
    mat4 clip;         // world to clip space
    vec4 eye;          // xyz
    vec4 sun;          // xyz: towards the sun; w: its share of the light on level ground
    vec4 sun_rgb;      // w: what the light in `shade` is to be multiplied by
    vec4 sky_rgb;      // w: its share
    vec4 gains;        // rgb: exposure and white balance; w: the sky's own exposure
    vec4 surface;      // road; w: grain
    vec4 line_left;    // w: wear
    vec4 line_right;
    vec4 divider;
    vec4 kerb;         // w: how much of left lines shows
    vec4 pavement;     // w: of right lines
    vec4 lawn;         // w: of dividers
    vec4 ground_floor;
    vec4 beside;       // level floor beside the road; w: 1 where there is one
    vec4 plan;         // xy: south-west corner of the ground maps; zw: 1 / size
    vec4 sky_turn;     // x: rotation in turns
    vec4 lamp[LAMPS];  // rgb: colour; w: its share of the light on level ground, on average
    vec4 lamp_at[LAMPS];  // xy: above which place; z: 1 / squared height; w: 1 / mean of its light
    vec4 gloss;        // x: mirrored part straight down; y: mip level; z: lamps; w: the sun's glare
    vec4 dirt;         // rgb: colour; w: how much
    vec4 sheets;       // xy: 1 / size of the road's sheets; z: half width of joints; w: how dark
    vec4 sheet_turn;   // xy: cosine, sine; z: how much sheets differ; w: gaps of lines at joints
    vec4 patches;      // rgb: colour; w: 0 none, 1 beside the road, 2 on the road too
    vec4 patch_size;   // xy: size of a cell; zw: of the rectangle in it, in m
    vec4 patch_turn;   // xy: cosine, sine
};

#ifdef VERTEX
vec3 lit(vec3 normal, float ambient, vec2 place) {
    // on level ground sun and sky add up to 1
    float level = max(sun.z, 0.2);
    float facing = dot(normal, sun.xyz) / level;
    // what looks away from the sun gets half as much back from its surroundings
    vec3 direct = sun_rgb.rgb * sun.w * (facing > 0.0 ? min(facing, 1.5) : min(-0.5 * facing, 0.6));
    vec3 around = sky_rgb.rgb * sky_rgb.w * mix(0.72, 1.0, normal.z * 0.5 + 0.5);
    vec3 near = vec3(0.0);
    for (int i = 0; i < LAMPS; ++i) {
        if (lamp[i].w > 0.0) {
            vec2 away = place - lamp_at[i].xy;
            float fades = 1.0 + dot(away, away) * lamp_at[i].z;
            near += lamp[i].rgb * (lamp[i].w * min(lamp_at[i].w / (fades * fades), 2.0));
        }
    }
    near *= 0.6 + 0.4 * max(normal.z, 0.0);
    return (direct + around + near) * ambient * gains.rgb;
}
#endif

// ---------------------------------------------------------------------------------------- road
#ifdef ROAD
#ifdef VERTEX
in vec3 at;
out vec2 place;
out vec2 grain_uv;
out vec3 spot;
void main() {
    gl_Position = clip * vec4(at, 1.0);
    place = (at.xy - plan.xy) * plan.zw;
    grain_uv = at.xy * 1.7;
    spot = at;
}
#else
uniform sampler2D paint;      // red: left line, green: right line, blue: divider, alpha: road
uniform sampler2D shade;      // rgb: all light that arrives; alpha: how much of the sun
uniform sampler2D noise;
uniform sampler2D panorama;   // alpha: lamps and windows, which are brighter than white
in vec2 place;
in vec2 grain_uv;
in vec3 spot;
layout(location = 0) out vec4 colour;
void main() {
    // two taps along the longer screen derivative keep thin lines crisp at a distance
    vec2 dx = dFdx(place);
    vec2 dy = dFdy(place);
    vec2 major = 0.25 * (dot(dx, dx) > dot(dy, dy) ? dx : dy);
    vec4 painted = 0.5 * (texture(paint, place + major, -1.0) + texture(paint, place - major, -1.0));
    vec2 rough = texture(noise, grain_uv).rg;
    vec3 line = painted.rgb * vec3(kerb.w, pavement.w, lawn.w) * (1.0 - line_left.w * rough.g);
    vec3 road = beside.w > 0.0 ? mix(beside.rgb, surface.rgb, painted.a) : surface.rgb;
    if (patches.w > 0.0) {
        vec2 at_m = mat2(patch_turn.x, -patch_turn.y, patch_turn.y, patch_turn.x) * spot.xy;
        vec2 cell = at_m / patch_size.xy;
        vec2 from_middle_m = abs(fract(cell) - 0.5) * patch_size.xy;
        vec2 inside_m = 0.5 * patch_size.zw - from_middle_m;
        vec2 soft_m = 0.5 * fwidth(at_m) + 0.0005;
        vec2 cover = smoothstep(-soft_m, soft_m, inside_m);
        float number = fract(sin(dot(floor(cell), vec2(39.3468, 11.135))) * 24634.6345);
        float there = cover.x * cover.y * step(number, 0.667);
        road = mix(road, patches.rgb, there * (patches.w > 1.5 ? 1.0 : 1.0 - painted.a));
    }
    if (sheets.x > 0.0) {
        vec2 on_sheet = mat2(sheet_turn.x, -sheet_turn.y, sheet_turn.y, sheet_turn.x) * spot.xy;
        vec2 cell = on_sheet * sheets.xy;
        vec2 away = (0.5 - abs(fract(cell) - 0.5)) / sheets.xy;
        float edge = min(away.x, away.y);
        float joint = 1.0 - smoothstep(0.5 * sheets.z, 1.5 * sheets.z + fwidth(edge), edge);
        float number = fract(sin(dot(floor(cell), vec2(12.9898, 78.233))) * 43758.5453);
        road *= (1.0 + sheet_turn.z * (number - 0.5)) * (1.0 - sheets.w * joint);
        line *= 1.0 - sheet_turn.w * joint;
    }
    vec3 base = road * (1.0 + surface.w * (rough.r - 0.5));
    base *= 1.0 - dot(line, vec3(1.0));
    base += line.r * line_left.rgb + line.g * line_right.rgb + line.b * divider.rgb;
    if (dirt.w > 0.0) {
        // two sizes of the same patches: stains of some centimetres in zones of some decimetres
        float zone = textureLod(noise, grain_uv * 0.09, 0.0).g;
        base = mix(base, dirt.rgb, dirt.w * smoothstep(0.35, 0.9, 0.6 * zone + 0.4 * rough.g));
    }
    vec4 light = texture(shade, place);
    vec3 seen = base * light.rgb * sun_rgb.w;
    if (gloss.x > 0.0) {
        // Schlick's approximation of Fresnel; gloss in patches, as paint and foil are worn
        vec3 ray = normalize(spot - eye.xyz);
        float grazing = 1.0 + ray.z;
        float squared = grazing * grazing;
        float mirrored = (gloss.x + (1.0 - gloss.x) * squared * squared * grazing)
                       * (1.25 - 0.5 * rough.r);
        vec2 towards = vec2(atan(ray.y, ray.x) / 6.2831853 - sky_turn.x,
                            (asin(-ray.z) + 0.20943951) / 1.78023584);
        vec4 above = textureLod(panorama, towards, gloss.y);
        vec3 far = above.rgb * gains.w * (1.0 + gloss.z * above.a) * (1.0 - 0.7 * sun.w * (1.0 - light.a));
        float near_sun = max(dot(vec3(ray.xy, -ray.z), sun.xyz), 0.0);
        far += sun_rgb.rgb * (gloss.w * light.a * exp2(-14.0 * exp2(-0.5 * gloss.y) * (1.0 - near_sun) * 8.0));
        seen = mix(seen, far, mirrored);
    }
    colour = vec4(seen * gains.rgb, 1.0);
}
#endif
#endif

// ------------------------------------------------------------------ level ground beside the road
#ifdef GROUND
#ifdef VERTEX
in vec3 at;
in vec3 normal;
in vec2 uv;
in float layer;
in vec4 tint;
in uint slot;
out vec2 place;
out vec3 texel;
out vec3 light;
flat out vec3 base;
void main() {
    gl_Position = clip * vec4(at, 1.0);
    place = (at.xy - plan.xy) * plan.zw;
    texel = vec3(uv, layer);
    base = slot == 1u ? kerb.rgb : slot == 2u ? pavement.rgb : slot == 3u ? lawn.rgb : ground_floor.rgb;
    // walls of kerbs and platform are lit like any wall; level ground by the shade map
    light = abs(normal.z) > 0.5 ? vec3(-1.0) : lit(normal, tint.a, at.xy);
}
#else
#ifdef IDS
layout(location = 0) out uint number;
void main() { number = 0u; }
#else
uniform sampler2D shade;
uniform sampler2DArray materials;
in vec2 place;
in vec3 texel;
in vec3 light;
flat in vec3 base;
layout(location = 0) out vec4 colour;
void main() {
    vec3 albedo = base * texture(materials, texel, -0.5).rgb;
    vec3 level = texture(shade, place).rgb * sun_rgb.w * gains.rgb;
    colour = vec4(albedo * (light.r < 0.0 ? level : light), 1.0);
}
#endif
#endif
#endif

// ------------------------------------------------------------------------- buildings, signs, cars
#ifdef OBJECT
#ifdef VERTEX
in vec3 at;
in vec3 normal;
in vec2 uv;
in float layer;
in vec4 tint;
in uint id;
#ifdef CAR
in vec4 car_pose;     // x, y, cos, sin
in vec4 car_colour;   // rgb; a: unused
in uint car_id;
in uint slot;         // 1: painted in the car's colour
#endif
out vec3 texel;
out vec3 light;
out vec3 base;
flat out uint instance;
void main() {
    vec3 place = at;
    vec3 up = normal;
    base = tint.rgb;
    instance = id;
#ifdef CAR
    mat2 turn = mat2(car_pose.z, car_pose.w, -car_pose.w, car_pose.z);
    place.xy = turn * at.xy + car_pose.xy;
    up.xy = turn * normal.xy;
    base = slot == 1u ? base * car_colour.rgb : base;
    instance = car_id;
#endif
    gl_Position = clip * vec4(place, 1.0);
    texel = vec3(uv, layer);
    // no ambient light marks a sign's face: its foil throws back light from anywhere
    light = tint.a > 0.0 ? lit(up, tint.a, place.xy) : mix(lit(up, 1.0, place.xy), gains.rgb, 0.6);
}
#else
uniform sampler2DArray materials;
in vec3 texel;
in vec3 light;
in vec3 base;
flat in uint instance;
#ifdef IDS
layout(location = 0) out uint number;
void main() { number = instance; }
#else
layout(location = 0) out vec4 colour;
void main() {
    // alpha says how far the paint shows through the texture (windows keep their own colour)
    vec4 tile = texture(materials, texel, -0.5);
    colour = vec4(tile.rgb * mix(vec3(1.0), base, tile.a) * light, 1.0);
}
#endif
#endif
#endif

// ------------------------------------------------------------------------------- shadows of cars
#ifdef BLOB
#ifdef VERTEX
in vec2 corner;       // -1..1
in vec4 car_pose;
out vec2 from_middle;
void main() {
    vec2 half_size = vec2(0.135, 0.11);
    vec2 away = -sun.xy / max(sun.z, 0.35) * 0.03 * (0.3 + sun.w);
    mat2 turn = mat2(car_pose.z, car_pose.w, -car_pose.w, car_pose.z);
    vec2 middle = car_pose.xy + turn * vec2(0.04, 0.0) + away;
    gl_Position = clip * vec4(middle + turn * (corner * half_size), 0.0015, 1.0);
    from_middle = corner;
}
#else
in vec2 from_middle;
layout(location = 0) out vec4 colour;
void main() {
    vec2 edge = smoothstep(vec2(1.0), vec2(0.45), abs(from_middle));
    colour = vec4(0.0, 0.0, 0.0, 0.62 * edge.x * edge.y);
}
#endif
#endif

// ------------------------------------------------------------------------------------------- sky
#ifdef SKY
#ifdef VERTEX
in vec3 at;           // direction
in vec2 uv;           // x in turns, y in 0..1 of the panorama
out vec2 texel;
void main() {
    gl_Position = (clip * vec4(eye.xyz + at * 50.0, 1.0)).xyww;
    texel = vec2(uv.x - sky_turn.x, uv.y);
}
#else
uniform sampler2D panorama;
in vec2 texel;
layout(location = 0) out vec4 colour;
void main() {
    colour = vec4(texture(panorama, texel, -0.5).rgb * gains.rgb * gains.w, 1.0);
}
#endif
#endif
